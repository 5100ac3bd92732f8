# frozen_string_literal: true

module FlockOfChefs
  module CLI
    # How people call this program, for the commands that they are told to run: as flockctl, or through knife.
    module Called
      # The program's own name.
      NAME = "flockctl"

      @name = NAME
      @flags = {}

      class << self
        # @param name [String] +"flockctl"+ or +"knife flock"+
        # @param flags [Hash{Symbol=>Symbol}] options that are called otherwise there
        # @return [void]
        def by(name, flags = {})
          @name = name
          @flags = flags
        end

        # @param words [String] of the command, as flockctl has them
        # @param more [Array<String>]
        # @return [String] the command line
        def line(words, *more) = [@name, @name == NAME ? words : words.tr("-", " "), *more].join(" ")

        # @param option [Symbol]
        # @return [String] such as +"--max-errors"+
        def flag(option) = "--#{@flags.fetch(option, option).to_s.tr("_", "-")}"
      end
    end
  end
end
