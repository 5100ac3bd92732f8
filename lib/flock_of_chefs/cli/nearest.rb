# frozen_string_literal: true

require "did_you_mean"

module FlockOfChefs
  module CLI
    # The word that somebody may have meant.
    module Nearest
      # @param word [String]
      # @param known [Array<String>]
      # @return [String, nil] "; did you mean ...?"
      def self.of(word, known)
        found = DidYouMean::SpellChecker.new(dictionary: known).correct(word).first
        "; did you mean #{found.inspect}?" if found
      end
    end
  end
end
