# frozen_string_literal: true

require "strscan"

module FlockOfChefs
  module CLI
    # What `--select` takes: terms of the form KEY:VALUE that must all hold, joined with AND.
    #
    #   role:web AND tag:canary
    #   role:web,db AND environment:production
    #   node:web1,web2
    #
    # Values after one KEY: all of them must hold, of `node` any. A value with blanks, commas or colons of its own
    # stands in double quotes. Chef's plural words mean the same (`roles:web`, `chef_environment:production`).
    class Selector
      # The words of the grammar => field of proto/flock/v1/common.proto's Targets.
      KEYS = {
        "node" => :nodes, "name" => :nodes, "role" => :roles, "recipe" => :recipes, "tag" => :tags,
        "service" => :services, "nodes" => :nodes, "roles" => :roles, "recipes" => :recipes, "tags" => :tags,
        "services" => :services, "environment" => :environment, "chef_environment" => :environment,
        "policy_name" => :policy_name, "policy_group" => :policy_group, "cloud" => :cloud
      }.freeze
      # The fields that take one value.
      SINGLE = %i[environment policy_name policy_group cloud].freeze
      # One value: in quotes, or up to a blank or a comma.
      VALUE = /"(?<quoted>[^"]+)"|(?<bare>[^\s",()]+)/
      # What Chef's search has and this has not.
      FOREIGN = /(?:OR|NOT)\b|[()!+-]/

      # @param text [String]
      # @return [Hash{Symbol=>Object}] lists, and single values, by field
      # @raise [ConfigurationError] naming what is wrong
      def self.parse(text) = new(text).parse

      # @param names [Array<String>]
      # @return [String] the expression that means these nodes
      def self.of_nodes(names)
        "node:#{names.map { |name| name.match?(/[\s",()]/) ? %("#{name}") : name }.join(",")}"
      end

      # @param text [String]
      def initialize(text)
        @text = text
        @scanner = StringScanner.new(text.strip)
      end

      # @see Selector.parse
      def parse
        found = {}
        loop do
          term(found)
          return found if @scanner.eos?

          @scanner.skip(/\s+AND\s+/i) || wrong("join terms with AND")
        end
      end

      private

      def term(found)
        wrong("only AND is known here; for more, run the command once for each set") if @scanner.check(FOREIGN)
        key = @scanner.scan(/\w+(?=:)/) or wrong("write KEY:VALUE, as in role:web AND tag:canary")
        field = KEYS.fetch(key) { wrong("#{key} is no key#{Nearest.of(key, KEYS.keys)}; known are #{known}") }
        @scanner.skip(/:/)
        add(found, field, values)
      end

      def values
        list = []
        loop do
          @scanner.scan(VALUE) or wrong("a value is missing")
          list << (@scanner[:quoted] || unescaped(@scanner[:bare]))
          return list unless @scanner.skip(/,/)
        end
      end

      # Chef's search wants colons escaped.
      def unescaped(value)
        wrong("#{value}: patterns are not known here") if value.match?(/[*?]/)

        value.gsub(/\\(.)/, '\1')
      end

      def add(found, field, values)
        return found[field] = (found[field] || []) | values unless SINGLE.include?(field)
        return found[field] = values.first if values.one? && [nil, values.first].include?(found[field])

        wrong("a node has one #{field.to_s.tr("_", " ")}, not several")
      end

      def known = KEYS.keys.first(6).push("environment", "policy_name", "policy_group", "cloud").uniq.join(", ")

      def wrong(why) = raise(ConfigurationError, "--select #{@text.inspect}: #{why}")
    end
  end
end
