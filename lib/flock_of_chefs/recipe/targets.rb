# frozen_string_literal: true

require_relative "limits"

module FlockOfChefs
  module Recipe
    # Reads the options that say which nodes are meant. Those given must all hold, every entry of a list too; only of
    # +node:+ one of the names must.
    module Targets
      # Option => field of the draft, for options that take a name or a list.
      LISTS = { node: "nodes", roles: "roles", recipes: "recipes", tags: "tags", services: "services" }.freeze
      # Options that take one name.
      NAMES = { environment: "environment", policy_name: "policy_name", policy_group: "policy_group",
                cloud: "cloud" }.freeze
      # All options that choose nodes.
      OPTIONS = [*LISTS.keys, *NAMES.keys, :query].freeze
      # What may happen when no node matches.
      WHEN_NONE = %w[undeliverable warn wait].freeze

      class << self
        # @param options [Hash{Symbol=>Object}] the word's options
        # @return [Hash{String=>Object}] the draft's +targets+, complete and in one order
        # @raise [ArgumentError] what is wrong and what to write instead
        def parse(options)
          chosen = options.slice(*OPTIONS)
          raise ArgumentError, "no node is chosen; say which, for example node: 'web1'" if chosen.empty?

          lists(options).merge(names(options), "match" => match(options.fetch(:match, :all)),
                                               "when_none" => when_none(options)).freeze
        end

        private

        def lists(options)
          LISTS.to_h do |option, field|
            [field, options.key?(option) ? list(option, options[option]) : []]
          end
        end

        def names(options)
          NAMES.to_h { |option, field| [field, options.key?(option) ? name(option, options[option]) : ""] }
        end

        # An empty list is refused, since it would take the restriction away and so reach more nodes, not none.
        def list(option, value)
          names = (value.is_a?(Array) ? value : [value]).map { |item| name(option, item) }.uniq.sort
          raise ArgumentError, "#{option}: is an empty list; leave the word out if nobody is meant" if names.empty?

          most = option == :node ? Limits::TARGETS : Limits::TARGET_WORDS
          return names.freeze if names.size <= most

          raise ArgumentError, "#{option}: has #{names.size} names; at most #{most} are possible"
        end

        def name(option, value)
          text = value.is_a?(Symbol) ? value.to_s : value
          unless text.is_a?(String) && text.match?(/\S/) && !text.match?(/[[:cntrl:]]/)
            raise ArgumentError, "#{option}: needs a name, not #{value.inspect}"
          end

          refuse_form(option, text)
          most = option == :node ? Limits::NODE_NAME_BYTES : Limits::TARGET_WORD_BYTES
          return -text if text.bytesize <= most

          raise ArgumentError, "#{option}: '#{text[0, 32]}…' is longer than #{most} bytes"
        end

        # As the agent would, which has no recipe's line to name.
        def refuse_form(option, text)
          if option == :node && text.match?(%r{[[:space:]/\\]})
            raise ArgumentError, "node: '#{text}' is no node's name: those have no blanks or slashes"
          end
          return unless (item = text.match(/\A(?:role|recipe)\[(?<name>.*)\]\z/))

          raise ArgumentError, "#{option}: takes bare names; write '#{item[:name]}' in place of '#{text}'"
        end

        def match(value)
          text = value.to_s
          known = case text
                  when "all", "any" then true
                  when /\A([1-9]\d{0,5})\z/ then !value.is_a?(Float)
                  when /\A([1-9]\d{0,2})%\z/ then Regexp.last_match(1).to_i <= 100
                  end
          return text if known

          raise ArgumentError, "match: #{value.inspect} is unknown; use :all, :any, a number or a share, '1%' to '100%'"
        end

        def when_none(options)
          text = options.fetch(:when_none, :undeliverable).to_s
          unless WHEN_NONE.include?(text)
            raise ArgumentError, "when_none: #{text.inspect} is unknown; use :undeliverable, :warn or :wait"
          end
          return text unless text == "wait" && options.key?(:query)

          raise ArgumentError, "when_none: :wait cannot wait for a query:, asked but once; choose by roles:, tags: …"
        end
      end
    end
  end
end
