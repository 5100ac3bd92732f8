# frozen_string_literal: true

require "time"

module FlockOfChefs
  module CLI
    # Single values as people read them.
    module Value
      # Points in time; all other +_ms+ are durations.
      TIMES = /(?:created|updated|expires|started|ended|fired|time|heard|met|failed|since|removed|issued)_ms\z/
      # A number, of seconds unless it has a unit.
      DURATION = /\A(\d+)(ms|s|m|h|d)?\z/
      # Unit => milliseconds.
      MILLISECONDS = { "ms" => 1, "s" => 1000, "m" => 60_000, "h" => 3_600_000, "d" => 86_400_000 }.freeze

      # What people call true and false.
      WORDS = { true => "yes", false => "no" }.freeze

      module_function

      # @param key [String] what the value is called; tells times from numbers
      # @param value [Object]
      # @return [String]
      def text(key, value)
        case value
        when nil, "", [] then "-"
        when Array then plain(value.map { |item| item.is_a?(Hash) ? item.values.join(" ") : item }.join(","))
        when Integer then number(key, value)
        else WORDS.fetch(value) { plain(value.to_s) }
        end
      end

      # @param text [String] perhaps another node's words
      # @return [String] in one line, and nothing in it that a terminal would obey
      def plain(text) = text.to_s.scrub.gsub(/[[:cntrl:]]/) { |char| char == "\n" ? " " : char.dump[1..-2] }

      # @param milliseconds [Integer]
      # @return [String] +"12 ms"+, +"1.2 s"+, +"3 min 5 s"+, +"2 h 3 min"+, +"4 d 5 h"+
      def duration(milliseconds)
        return "#{milliseconds} ms" if milliseconds < 1000

        seconds = milliseconds / 1000
        return "#{(milliseconds / 1000.0).round(1)} s" if seconds < 120
        return "#{seconds / 60} min #{seconds % 60} s" if seconds < 7200
        return "#{seconds / 3600} h #{seconds % 3600 / 60} min" if seconds < 172_800

        "#{seconds / 86_400} d #{seconds % 86_400 / 3600} h"
      end

      # @param unix_ms [Integer, nil]
      # @return [String] UTC, +"2026-11-20T08:00:00Z"+
      def time(unix_ms) = unix_ms.to_i.zero? ? "-" : Time.at(unix_ms / 1000).utc.iso8601

      # @param text [String, Integer, nil] +"90"+ (seconds), +"90s"+, +"15m"+, +"24h"+, +"7d"+
      # @param what [String] the option, for the complaint
      # @return [Integer, nil] milliseconds
      # @raise [ConfigurationError]
      def duration_ms(text, what)
        return if text.nil?

        number, unit = text.to_s.match(DURATION)&.captures
        raise ConfigurationError, "#{what} #{text}: write a number of seconds, or 15m, 24h, 7d" unless number

        number.to_i * MILLISECONDS.fetch(unit || "s")
      end

      # @param text [String, Integer, nil]
      # @param what [String]
      # @return [Integer, nil]
      # @raise [ConfigurationError]
      def count(text, what)
        return if text.nil?
        return text.to_i if text.to_s.match?(/\A[1-9]\d{0,8}\z/)

        raise ConfigurationError, "#{what} #{text}: write a whole number above 0"
      end

      # @param text [String, nil] +"3"+, or +"30%"+ of all
      # @param total [Integer]
      # @param what [String] the option, for the complaint
      # @param least [Integer]
      # @yieldparam part [Float] of a percentage
      # @yieldreturn [Integer] to which whole number it goes; up unless given
      # @return [Integer, nil] nil = nothing was said
      # @raise [ConfigurationError]
      def share(text, total, what, least: 1, &round)
        return if text.nil?

        number = text.to_s[/\A(\d{1,9})%?\z/, 1]&.to_i
        number = [part(number, total, &round), least].max if number && text.to_s.end_with?("%")
        return number if number.to_i >= least && number

        raise ConfigurationError, "#{what} #{text}: write a number from #{least} on, or 50%"
      end

      def part(percent, total, &round) = (round || :ceil.to_proc).call(total * percent / 100.0)
      private_class_method :part

      def number(key, value)
        return value.to_s unless key.end_with?("_ms")

        key.match?(TIMES) ? time(value) : duration(value)
      end
      private_class_method :number
    end
  end
end
