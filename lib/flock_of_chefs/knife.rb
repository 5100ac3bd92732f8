# frozen_string_literal: true

require_relative "knife/running"

module FlockOfChefs
  # What makes a knife command of one of flockctl's: `knife flock nodes --role web` is `flockctl nodes --role=web`, with
  # the same output and the same exit codes. Arguments and options are those that the flockctl command declares; they
  # are looked up when the command is run or explained, so that knife does not load them for its other commands.
  #
  #     class FlockNodes < Chef::Knife
  #       extend FlockOfChefs::Knife
  #       flock "nodes"
  #     end
  # @api private
  module Knife
    # Options of flockctl that knife has itself, by other means.
    OWN = %i[format yes].freeze
    # Options that are knife's for every command, so that they can be meant so: they name its configuration.
    SHARED = %i[config].freeze
    # Keeps all values of an option that is given several times; flockctl knows what to make of them.
    EVERY = ->(value, before) { before ? [*before, value] : value }
    # How knife's formats are called by flockctl; the others have one name.
    FORMATS = { "summary" => "text", "pp" => "text" }.freeze

    # @param command [String] its words, as flockctl has them
    # @return [void]
    def flock(command)
      @flock_words = command.split
      category "flock"
      include Running
    end

    # @return [Array<String>] the words of flockctl's command
    attr_reader :flock_words

    # @return [Class] flockctl's command
    def flock_command
      require_relative "cli"
      CLI.get(flock_words).command
    end

    # @return [Hash{Symbol=>Symbol}] option of the command => knife's name for it
    def flock_options
      @flock_options ||= flock_command.options.reject { |option| OWN.include?(option.name) }
                                      .to_h { |option| [option.name, knife_name(option.name)] }
    end

    # Knife asks for them when it is about to parse the command line.
    def options
      declare_flock_options unless @declared
      super
    end

    # @return [String] how it is used, which is also how knife lists it
    def banner(text = nil)
      return super if text

      words = flock_command.arguments.map do |argument|
        argument.required? ? argument.name.upcase : "[#{argument.name.upcase}]"
      end
      "knife #{snake_case_name.tr("_", " ")} #{words.join(" ")} (options)".squeeze(" ")
    end

    private

    def declare_flock_options
      @declared = true
      flock_command.options.each { |option| declare(option) unless OWN.include?(option.name) }
      formats = flock_command.options.find { |option| option.name == :format }.options.fetch(:values)
      option(:format, short: "-F FORMAT", long: "--format FORMAT", in: formats | FORMATS.keys,
                      description: "How to print: #{formats.join(", ")}")
    end

    def declare(option)
      name = flock_options.fetch(option.name)
      word = name.to_s.tr("_", "-")
      described = { description: option.desc.to_s }
      return option(name, long: "--#{word}", boolean: true, **described) if option.flag?
      return option(name, long: "--[no-]#{word}", boolean: true, **described) if option.boolean?

      option(name, long: "--#{word} #{option.array? ? "A,B" : "VALUE"}", proc: EVERY, **described)
    end

    # Knife's own options keep their names; ours give way.
    def knife_name(name)
      long = "--#{name.to_s.tr("_", "-")}"
      taken = Chef::Application::Knife.options.any? do |key, about|
        key == name || about[:long].to_s.split.first.to_s.sub("[no-]", "") == long
      end
      taken ? :"flock_#{name}" : name
    end
  end
end
