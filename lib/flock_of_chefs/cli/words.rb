# frozen_string_literal: true

require "optparse"
require_relative "selecting"

module FlockOfChefs
  module CLI
    # The command line as it was given, before a command reads it.
    module Words
      module_function

      # Where cron or systemd set no locale Ruby takes words for ASCII, and what is not for bytes.
      #
      # @param words [Array<String>]
      # @return [Array<String>] the same, in UTF-8
      # @raise [ConfigurationError]
      def utf8(words)
        words.map do |word|
          text = word.dup.force_encoding(Encoding::UTF_8)
          next text if text.valid_encoding?

          raise ConfigurationError, "the argument #{word.b.inspect} is not UTF-8"
        end
      end

      # What looks like an option is an argument after +--+; a lone +-+ is one anyway.
      #
      # @param words [Array<String>] arguments
      # @return [Array<String>] the same, behind +--+ where that is needed
      def separated(words) = words.any? { |word| word.start_with?("-") && word != "-" } ? ["--", *words] : words

      # An option of {Selecting} that is given twice would count once: more nodes than are meant.
      #
      # @param command [Class]
      # @param words [Array<String>] its own
      # @return [void]
      # @raise [ConfigurationError]
      def once(command, words)
        name = Selecting::OPTIONS.find { |one| given(command, words)[one] > 1 } or return

        raise ConfigurationError, "--#{name.to_s.tr("_", "-")} is given more than once; #{instead(name)}"
      end

      # How often each option is; what cannot be read is complained of by dry-cli.
      def given(command, words)
        counts = Hash.new(0)
        parser = OptionParser.new do |options|
          command.options.each { |one| options.on(*one.parser_options) { counts[one.name.to_sym] += 1 } }
          options.on_tail("-h", "--help")
        end
        parser.parse(words)
        counts
      rescue OptionParser::ParseError
        counts
      end
      private_class_method :given

      def instead(name)
        return "join the terms: 'role:web AND tag:canary'" if name == :select
        return "a node has one" if Selecting::VALUES.include?(name)

        "write --#{name} a,b for the nodes that have both, or run the command once for each"
      end
      private_class_method :instead
    end
  end
end
