# frozen_string_literal: true

module FlockOfChefs
  module Knife
    # What a command does when knife runs it.
    module Running
      # @raise [SystemExit] with one of {CLI::ExitCodes}
      def run
        require_relative "../cli"
        ENV["NO_COLOR"] = "1" if config[:color] == false
        program = CLI::Program.new(CLI, name: "knife flock", flags: self.class.flock_options)
        exit(as_flockctl { program.guard { program.call(flock_arguments) } })
      end

      private

      # Knife's own traps exit with codes that mean other things here.
      def as_flockctl
        before = %w[INT TERM].to_h { |signal| [signal, trap(signal, "DEFAULT")] }
        yield
      ensure
        before&.each { |signal, handler| trap(signal, handler || "DEFAULT") }
      end

      # What is written with an option of knife's would be lost, where ours of this name has had to give way.
      def refuse_what_is_lost
        self.class.flock_options.each do |name, knife_name|
          next if name == knife_name || SHARED.include?(name) || config_source(name) != :cli

          ours, knifes = [knife_name, name].map { |option| "--#{option.to_s.tr("_", "-")}" }
          raise ConfigurationError, "#{knifes} is knife's own and means nothing here: write #{ours}"
        end
      end

      # The command line of flockctl that means the same.
      def flock_arguments
        refuse_what_is_lost
        [*self.class.flock_words, *format_argument, *yes_argument, *option_arguments, *CLI::Words.separated(name_args)]
      end

      def option_arguments
        self.class.flock_options.filter_map do |name, knife_name|
          value = config[knife_name]
          option_argument(name.to_s.tr("_", "-"), value) unless value.nil?
        end.flatten
      end

      def option_argument(word, value)
        case value
        when true then "--#{word}"
        when false then nil
        when Array then value.map { |one| "--#{word}=#{one}" }
        else "--#{word}=#{value}"
        end
      end

      def format_argument
        format = config[:format] || "text"
        ["--format=#{FORMATS.fetch(format, format)}"]
      end

      def yes_argument
        config[:yes] && self.class.flock_command.options.any? { |option| option.name == :yes } ? ["--yes"] : []
      end
    end
  end
end
