# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Completion
      # What may follow one command, or one word that only begins some.
      #
      # @!attribute words
      #   @return [String] such as +"token create"+; empty = flockctl itself
      # @!attribute description
      #   @return [String]
      # @!attribute subcommands
      #   @return [Hash{String=>String}] word => description
      # @!attribute options
      #   @return [Array<Option>]
      # @!attribute arguments
      #   @return [Array<Array>] for each place what it takes: +[:nodes]+, +[:files]+, +[:words, ...]+ or +[:none]+; of
      #     the last one all that follow, if {many} is set
      # @!attribute many
      #   @return [Boolean]
      Words = Struct.new(:words, :description, :subcommands, :options, :arguments, :many, keyword_init: true) do
        # @return [Array<Words>] flockctl itself first
        def self.all(node = CLI.get([]), before = [])
          children = node.children.sort
          [of(node, before.join(" "))] + children.flat_map { |word, child| all(child, [*before, word]) }
        end

        def self.of(node, words)
          arguments = node.command ? node.command.arguments : []
          new(words:, description: node.command&.description.to_s, options: options(node.command),
              subcommands: node.children.sort.to_h { |word, child| [word, describe(child)] },
              arguments: arguments.map { |one| kind(one) }, many: arguments.any?(&:array?))
        end
        private_class_method :of

        # @param all [Array<Words>]
        # @return [Array<String>] options that take no value
        def self.flags(all) = all.flat_map(&:options).select(&:flag?).flat_map(&:ways).uniq

        def self.describe(node)
          node.command ? node.command.description : node.children.keys.join(", ")
        end
        private_class_method :describe

        def self.options(command)
          return [Option.new("--help", ["-h"], [:flag], "Print help")] unless command

          command.options.flat_map { |option| Option.of(option) } << Option.new("--help", ["-h"], [:flag], "Print help")
        end
        private_class_method :options

        # What an argument or the value of an option takes.
        def self.kind(param)
          return [:words, *param.values] if param.values

          case param.name
          when :node, :nodes, :name then [:nodes]
          when :file, :config, :chef_config, :data_dir, :socket then [:files]
          else [:none]
          end
        end
      end

      # One option of a command.
      #
      # @!attribute name
      #   @return [String] +"--format"+
      # @!attribute short
      #   @return [Array<String>] +["-F"]+
      # @!attribute kind
      #   @return [Array] +[:flag]+, or what its value may be as {Words#arguments} have it
      # @!attribute description
      #   @return [String]
      Option = Struct.new(:name, :short, :kind, :description) do
        # @param option [Dry::CLI::Option]
        # @return [Array<Option>]
        def self.of(option)
          name = option.name.to_s.tr("_", "-")
          flag = option.flag? || option.boolean?
          # `--name` and `--node` of commands mean one that is to come, or a pattern.
          kind = if flag
                   [:flag]
                 else
                   Words.kind(option).then { |found| found == [:nodes] ? [:none] : found }
                 end
          names = option.boolean? ? ["--#{name}", "--no-#{name}"] : ["--#{name}"]
          names.map { |one| new(one, option.alias_names.map { |short| short.split.first }, kind, option.desc.to_s) }
        end

        # @return [Boolean]
        def flag? = kind == [:flag]

        # @return [Array<String>] all ways to write it
        def ways = [*short, name]
      end
    end
  end
end
