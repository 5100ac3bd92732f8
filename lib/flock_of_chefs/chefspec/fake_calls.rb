# frozen_string_literal: true

require_relative "../api/registry"
require_relative "../remote"

module FlockOfChefs
  # Support for unit tests of recipes; see +flock_of_chefs/chefspec+.
  module ChefSpec
    # What a test has one method of a node's API answer.
    class CallStub
      # @param node [String]
      # @param api [String] empty = whichever has the method
      # @param method [String]
      def initialize(node, api, method)
        @called = [node, api, method]
        @answer = -> {}
      end

      # @param arguments [Array] for these only
      # @return [self]
      def with(*arguments)
        @arguments = arguments
        self
      end

      # @param values [Array] one for each call; the last one goes on
      # @return [self]
      def and_return(*values)
        @answer = -> { values.size > 1 ? values.shift : values.first }
        self
      end

      # @param error [Exception, Class]
      # @return [self]
      def and_raise(error)
        @answer = -> { raise error }
        self
      end

      # @param values [Array] each is yielded to the call's block
      # @return [self]
      def and_yield(*values)
        @yields = values
        self
      end

      # @param call [Remote::Call]
      # @return [Boolean]
      def for?(call)
        node, api, method = @called
        call.node == node && call.name == method && (call.api == api || call.api.empty? || api.empty?) &&
          (@arguments.nil? || @arguments == call.arguments)
      end

      # @return [Object]
      def answer(&)
        Array(@yields).each(&) if block_given?
        @answer.call
      end
    end

    # The flock of one example: it has the nodes and answers that the example names. Nothing leaves the process.
    # @api private
    class FakeCalls
      # A call that the test has not foreseen.
      class NotStubbed < StandardError; end

      # @return [Array<Remote::Call>] the calls that were made
      attr_reader :calls

      class << self
        # Puts a new fake in the place of the agent.
        #
        # @return [FakeCalls]
        def install
          Api::Registry.announcer = ->(api) {} # FlockOfChefs.changed
          Remote::Calls.current = new
        end

        # A new one for the time of the block; what runs outside of examples meets no agent either.
        #
        # @return [Object] the block's value
        def installed
          install
          yield
        ensure
          install
        end
      end

      def initialize
        @stubs = []
        @calls = []
        @nodes = []
      end

      # What tells this node's name. Nothing ever changes in an example, so that nothing is waited for.
      Client = Struct.new(:config) do
        # @see LocalClient#call
        # @raise [NotStubbed] always
        def call(operation, _body, **)
          raise NotStubbed, "the agent was asked to #{operation}: no test waits for what other nodes do; have " \
                            "stub_flock_call answer how it ends, as in and_return('id' => '1', 'state' => 'succeeded')"
        end
      end

      # @return [Client] +FlockOfChefs.me+ is the node of the ChefSpec run
      def client = Client.new({ "name" => ::Chef.run_context&.node&.name || "chefspec" })

      # @param stub [CallStub] it comes before those that were there
      # @return [CallStub]
      def add(stub) = @stubs.unshift(stub).first

      # @param names [Array<String>]
      # @param selector [Hash]
      # @return [void]
      def add_nodes(names, selector, presence) = @nodes.unshift([selector, names.map { |name| known(name, presence) }])

      # @see Remote::Calls#call
      def call(call, &)
        @calls << call
        call.arguments.each_with_index { |one, n| Calls::Value.dump(one, "argument #{n + 1} of #{call}") }
        stub = @stubs.find { |one| one.for?(call) } or raise NotStubbed, unforeseen(call)
        stub.answer(&)
      end

      # @see Remote::Calls#ask
      def ask(_operation, body)
        body = body.reject { |_, value| value.empty? }
        found = @nodes.find { |selector, _| selector == body }
        return { "nodes" => found.last } if found
        return { "nodes" => body[:nodes].map { |name| named(name) } } if body.keys == [:nodes]

        raise NotStubbed, "the flock's nodes were asked for by #{body}; foresee it with stub_flock_nodes('NODE', …, " \
                          "#{body.map { |name, value| "#{name}: #{value.inspect}" }.join(", ")})"
      end

      # What Chef's search would find. A ServerRunner has one of its own.
      #
      # @param query [String]
      # @yieldreturn [Array<Remote::Node>] what that finds
      # @return [Array<Remote::Node>]
      # @raise [NotStubbed]
      def search(query)
        found = @nodes.find { |selector, _| selector == { query: } }
        return found.last.map { |node| Remote::Node.new(node["name"]) } if found
        return yield unless ::Chef::Config[:solo_legacy_mode]

        raise NotStubbed, "FlockOfChefs.search(#{query.inspect}) was asked for; foresee it with " \
                          "stub_flock_nodes('NODE', …, query: #{query.inspect})"
      end

      private

      def known(name, presence) = { "name" => name, "presence" => presence }

      def named(name)
        @nodes.flat_map(&:last).find { |node| node["name"] == name } || known(name, "unknown")
      end

      def unforeseen(call)
        arguments = call.arguments.map(&:inspect).join(", ")
        "#{call}(#{arguments}) was called; foresee it with stub_flock_call(#{call.node.inspect}, " \
          "#{":#{call.api}, " unless call.api.empty?}#{call.name.to_sym.inspect})" \
          "#{".with(#{arguments})" unless arguments.empty?}.and_return(…)"
      end
    end

    # Before Chef's search, which would ask a server.
    # @api private
    module FakeSearch
      # @see Remote::Selection.search
      def search(query)
        fake = Remote::Calls.current
        fake.is_a?(FakeCalls) ? fake.search(query) { super } : super
      end
    end

    Remote::Selection.singleton_class.prepend(FakeSearch)
    FakeCalls.install
  end
end
