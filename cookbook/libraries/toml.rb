require 'json' unless defined?(JSON)

module FlockOfChefsCookbook
  # Writes the part of TOML that agent.toml has: values, tables and lists of tables, one level deep.
  module Toml
    class << self
      # @param settings [Hash] nil values are left out
      # @return [String]
      def render(settings)
        settings = compact(settings)
        tables, rest = settings.partition { |_, value| value.is_a?(Hash) }
        lists, values = rest.partition { |_, value| tables?(value) }
        parts = [pairs(values)]
        parts += tables.map { |name, table| "[#{key(name)}]\n#{pairs(compact(table))}" }
        parts += lists.flat_map { |name, list| list.map { |table| "[[#{key(name)}]]\n#{pairs(compact(table))}" } }
        parts.reject(&:empty?).join("\n")
      end

      private

      def compact(table)
        table.to_h.compact
      end

      def tables?(value)
        value.is_a?(Array) && !value.empty? && value.all?(Hash)
      end

      def pairs(values)
        values.map { |name, value| "#{key(name)} = #{value(value)}\n" }.join
      end

      def key(name)
        name.to_s.match?(/\A[A-Za-z0-9_-]+\z/) ? name.to_s : string(name.to_s)
      end

      def value(value)
        case value
        when true, false, Numeric then value.to_s
        when Array then "[#{value.map { |item| value(item) }.join(', ')}]"
        when String, Symbol then string(value.to_s)
        else raise ArgumentError, "agent.toml has no place for #{value.inspect}; its tables are one level deep"
        end
      end

      # JSON's escapes are those of TOML, but for DEL.
      def string(text)
        JSON.generate(text.encode('UTF-8')).gsub("\u007f", '\u007f')
      end
    end
  end
end
