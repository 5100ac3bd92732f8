# frozen_string_literal: true

require_relative "../monotonic"
require_relative "api"
require_relative "chef_run"
require_relative "state"

module FlockOfChefs
  module Remote
    # +[:flock_api]+: what every node answers of itself.
    class FlockApi < Api
      # @return [Boolean] whether Chef is running there now
      # @raise [Error] when that cannot be learned
      def active = call(:active)

      # @return [State] how Chef is there; "unreachable" when the node does not answer
      # @raise [NodeNotFoundError, DeniedError, Error] except when it cannot be reached
      def state
        State.new(call(:state))
      rescue ConnectionError, TimeoutError, OutcomeUnknownError => e
        State.new("state" => "unreachable", "error" => e.message)
      end

      # An attribute as the node's last successful run left it. Values whose names look secret are "[hidden]";
      # agent.toml may keep others at home (+[api] attributes+).
      #
      # @param path [String, nil] such as +"nginx.port"+; nil = all attributes
      # @return [Object, nil] nil when there is none
      # @raise [RejectedError] when it is more than one answer may have (1 MiB)
      def node(path = nil) = path ? call(:node, path.to_s) : call(:node)

      # @return [Float] seconds that a question and its answer took
      # @raise [Error] when there was none
      def ping
        begun = Monotonic.now
        call(:ping)
        Monotonic.now - begun
      end

      # @return [Array<Hash>] what else can be called there: "name", "class_name", "help" and "methods", each of these
      #   with "name", "help" and "schema"
      # @raise [Error]
      def apis = call(:apis)

      # Has Chef run there as soon as it can. While one with the same options is queued, it is that one.
      #
      # @param run_list [Array<String>, String] in place of the node's own, for this run
      # @param why_run [Boolean]
      # @return [ChefRun]
      # @raise [DeniedError] if that node's agent.toml does not admit it
      def run_chef(run_list: [], why_run: false)
        options = {}
        options[:run_list] = Array(run_list) unless Array(run_list).empty?
        options[:why_run] = true if why_run
        ChefRun.new(self, call(:run_chef, *[options].reject(&:empty?)))
      end
    end
  end
end
