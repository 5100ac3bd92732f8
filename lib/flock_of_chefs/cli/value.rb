# frozen_string_literal: true

require "time"

module FlockOfChefs
  module CLI
    # Single values as people read them.
    module Value
      # Points in time; all other +_ms+ are durations.
      TIMES = /(?:created|updated|expires|started|ended|fired)_ms\z/
      # A number, of seconds unless it has a unit.
      DURATION = /\A(\d+)(ms|s|m|h|d)?\z/
      # Unit => milliseconds.
      MILLISECONDS = { "ms" => 1, "s" => 1000, "m" => 60_000, "h" => 3_600_000, "d" => 86_400_000 }.freeze

      module_function

      # @param key [String] what the value is called; tells times from numbers
      # @param value [Object]
      # @return [String]
      def text(key, value)
        case value
        when nil, "", [] then "-"
        when Array then value.map { |item| item.is_a?(Hash) ? item.values.join(" ") : item }.join(",")
        when Integer then number(key, value)
        else value.to_s
        end
      end

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

      def number(key, value)
        return value.to_s unless key.end_with?("_ms")
        return "#{value} ms" unless key.match?(TIMES)

        value.zero? ? "-" : Time.at(value / 1000).utc.iso8601
      end
      private_class_method :number
    end
  end
end
