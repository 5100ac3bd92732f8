# frozen_string_literal: true

require_relative "declared"

module FlockOfChefs
  module ChefSpec
    # What tests of recipes say about the remote words. The subject is a whole run or one of its resources.
    module Matchers
      # @example
      #   expect(chef_run).to remote_notify("execute[x]").to(:run).on("bender1").delayed
      #   expect(chef_run.template("/etc/app")).to remote_notify("service[app]").on(roles: "web", environment: "prod")
      # @param key [String] the other node's resource
      # @return [WordMatcher]
      def remote_notify(key) = WordMatcher.new("remote_notifies", key)

      # @example
      #   expect(chef_run).to remote_subscribe("execute[x]").to(:create).on("bender0").by("file[/tmp/fubar]")
      # @param key [String] the other node's resource
      # @return [WordMatcher]
      def remote_subscribe(key) = WordMatcher.new("remote_subscribes", key)
    end

    # One expectation about a remote word; what it does not name may be anything.
    class WordMatcher
      # @param word [String]
      # @param key [String]
      def initialize(word, key)
        @word = word
        @key = key
        @wanted = {}
      end

      # @param action [Symbol]
      # @return [self]
      def to(action) = want(:action, action.to_s)

      # All that the recipe says about which nodes, no less.
      #
      # @param names [Array<String>] nodes
      # @param options [Hash] roles:, tags:, query: … as the recipe has them
      # @return [self]
      def on(*names, **options)
        options = { node: names, **options } unless names.empty?
        want(:nodes, options.to_h { |option, value| [option, normal(option, value)] })
      end
      alias of on

      # @param key [String] the resource that the word stands in
      # @return [self]
      def by(key) = want(:by, key)

      # @return [self]
      def before = want(:timing, :before)

      # @return [self]
      def immediately = want(:timing, :immediately)

      # @return [self]
      def delayed = want(:timing, :delayed)

      # @param options [Hash] ttl:, retry:, match:, when_none:, wait: in seconds
      # @return [self]
      def with(**options)
        want(:options, options.transform_values { |value| value.is_a?(Symbol) ? value.to_s : value })
      end

      # RSpec's question.
      #
      # @param subject [ChefSpec::SoloRunner, ChefSpec::ServerRunner, Chef::Resource]
      # @return [Boolean]
      def matches?(subject)
        @subject = subject
        @seen = Declared.in(subject.run_context)
        @seen = @seen.select { |one| one.by.equal?(subject) } if subject.is_a?(::Chef::Resource)
        @seen.any? { |one| one.word == @word && one.request.key == @key && fits?(one) }
      end

      # @return [String]
      def description = [@word, "'#{@key}'", *@wanted.map { |what, value| "#{what} #{value.inspect}" }].join(", ")

      # @return [String]
      def failure_message = "expected #{name} to have #{description}\n#{others}"

      # @return [String]
      def failure_message_when_negated = "expected #{name} not to have #{description}\n#{others}"

      private

      def want(what, value)
        @wanted[what] = value
        self
      end

      # A list's order and whether a single name is one do not matter.
      def normal(option, value)
        return value.to_s unless Recipe::Targets::LISTS.key?(option)

        Array(value).map(&:to_s).uniq.sort
      end

      def fits?(declared)
        has = { action: declared.request.action, nodes: declared.nodes, timing: declared.timing,
                by: declared.by.declared_key, options: declared.options.slice(*@wanted.fetch(:options, {}).keys) }
        @wanted.all? { |what, value| has.fetch(what) == value }
      end

      def name = @subject.is_a?(::Chef::Resource) ? @subject.to_s : "the run"

      def others
        return "no remote word is there" if @seen.empty?

        "what is there:\n#{@seen.map { |one| "  #{one}" }.join("\n")}"
      end
    end
  end
end
