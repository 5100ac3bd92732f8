# frozen_string_literal: true

require "io/console"

module FlockOfChefs
  module CLI
    # What an IO can show: a terminal has a width and colours, a pipe or a file has neither.
    class Terminal
      # Where the terminal does not say its width.
      WIDTH = 80
      # The words of states => the number of their colour; others have none.
      COLOURS = {
        32 => %w[done alive succeeded ok armed serving connected warm yes],
        31 => %w[failed gone error denied expired undeliverable removed no],
        33 => %w[unknown suspect warning superseded pending unreachable unpublished]
      }.flat_map { |colour, words| words.map { |word| [word, colour] } }.to_h.freeze

      # @param io [IO]
      # @param env [Hash]
      def initialize(io, env = ENV)
        @io = io
        @env = env
      end

      # @return [Boolean]
      def tty? = @io.respond_to?(:tty?) && @io.tty?

      # @return [Integer, nil] columns; nil = as many as there are
      def width
        return unless tty?

        columns = @io.respond_to?(:winsize) ? @io.winsize.last : 0
        columns.positive? ? columns : WIDTH
      rescue SystemCallError
        WIDTH
      end

      # @return [Boolean] as https://no-color.org asks
      def colour? = tty? && @env["NO_COLOR"].to_s.empty? && @env["TERM"] != "dumb"

      # @param word [String] a state, perhaps with blanks after it
      # @return [String] in its colour, where there are colours
      def paint(word)
        colour = COLOURS[word.strip] if colour?
        colour ? "\e[#{colour}m#{word}\e[0m" : word
      end
    end
  end
end
