# frozen_string_literal: true

require "json"
require_relative "../errors"
require_relative "call_site"

module FlockOfChefs
  module Run
    # Calls beyond this node that recipe bodies make. A run makes them and records what they answered; a worker, which
    # compiles the same recipes again, answers from that record and lets none leave.
    #
    #     answer = Calls.remote("nodes", { name: "bender1" }) { client.call("nodes", name: "bender1") }
    #
    # Arguments and answers are data as JSON knows it; in the run, too, the answer is what JSON makes of it.
    module Calls
      # The record's name in a snapshot.
      FILE = "calls.json"
      # Calls of one run that are recorded. A worker refuses those beyond: where the record of a call ends early, it
      # says so (+"cut"+).
      LIMIT = 1_000
      # Of their records, in all.
      LIMIT_BYTES = 1024 * 1024

      class << self
        # @return [#answer, nil] what answers in the place of the real call; a worker has one
        attr_accessor :replay

        # @param name [String] what is called
        # @param arguments [Array, Hash] with what
        # @yieldreturn [Object] the real call's answer
        # @return [Object] the answer as JSON gives it back
        # @raise [Error] the real call's own, in a worker too
        def remote(name, arguments = [])
          key = key(name, arguments)
          return replay.answer(name, key) if replay

          answer = JSON.parse(JSON.generate(yield))
          record(key, "result" => answer)
          answer
        rescue Error => e
          record(key, "error" => { "class" => e.class.name, "code" => e.code, "message" => e.message }) unless replay
          raise
        end

        # @return [Boolean] whether a recipe body may be calling, so that the call has to go through {remote}
        def recipe_body? = replay ? replay.compiling? : !@calls.nil? && !@converging

        # A run begins: its recipe bodies are about to be evaluated.
        #
        # @return [void]
        def begin_run
          @calls = []
          @cut = {}
          @bytes = 0
          @converging = false
        end

        # The recipe bodies are done; what resources call from now on, a worker never compiles.
        #
        # @return [void]
        def converge = @converging = true

        # @return [Array<Hash>] as in {FILE}
        def recorded = @calls || []

        private

        def key(name, arguments)
          { "site" => CallSite.here, "name" => name.to_s, "arguments" => JSON.parse(JSON.generate(arguments)) }
        end

        def record(key, answer)
          begin_run unless @calls
          return if @converging

          call = key.merge(answer)
          @bytes += JSON.generate(call).bytesize
          return cut(key) unless @calls.size < LIMIT && @bytes <= LIMIT_BYTES

          @calls << call
          @cut[key] = false
        end

        # A call that is recorded was made again beyond the limit: its last answer does not stand for further ones.
        def cut(key)
          return unless @cut[key] == false

          @calls << key.merge("cut" => true)
          @cut[key] = true
        end
      end
    end
  end
end
