# frozen_string_literal: true

require_relative "fake_calls"

module FlockOfChefs
  module ChefSpec
    # What tests of recipes say about the flock before the recipe asks it. A call that was not foreseen raises.
    module Stubs
      # @example
      #   stub_flock_call("bender", :human_api, :count).with("earth").and_return(3)
      #   stub_flock_call("bender", :killed_all_humans?).and_raise(FlockOfChefs::TimeoutError)
      # @param node [String, Symbol]
      # @param api_and_method [Array<Symbol, String>] the API may be left out
      # @return [CallStub] answers nil until it is told otherwise
      def stub_flock_call(node, *api_and_method)
        method, api = api_and_method.reverse
        Remote::Calls.current.add(CallStub.new(node.to_s, api.to_s, method.to_s))
      end

      # Nodes of the flock: what +FlockOfChefs.nodes+ finds, or with +query:+ +FlockOfChefs.search+, and whose
      # +presence+ is known.
      #
      # @param names [Array<String>]
      # @param presence [String] "alive", "suspect" or "gone"
      # @param selector [Hash] as the recipe asks for them; none = all nodes
      # @return [void]
      def stub_flock_nodes(*names, presence: "alive", **selector)
        selector = selector.to_h do |option, value|
          list = Recipe::Targets::LISTS.key?(option)
          [option == :node ? :nodes : option, list ? Array(value).map(&:to_s) : value.to_s]
        end
        Remote::Calls.current.add_nodes(names.map(&:to_s), selector, presence)
      end

      # @return [Array<Remote::Call>] the calls that were made so far; each has node, api, name and arguments
      def flock_calls = Remote::Calls.current.calls
    end
  end
end
