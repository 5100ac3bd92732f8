# frozen_string_literal: true

require "json"
require_relative "../run/calls"
require_relative "effects"

module FlockOfChefs
  module Worker
    # Answers the remote calls of recipe bodies with what they answered in the run: same place, same arguments, and for
    # calls that were made several times there, in the same order. The last answer stands for all further ones.
    class Replay
      # Why, when there is no record.
      REASON = "the run that left this snapshot did not call this here with these arguments, so that a worker cannot " \
               "answer it. Call it from a resource, or make the call independent of what changes between runs"

      # Why, when the record ends before.
      CUT = "the run made more calls than are recorded, so that a worker cannot answer this one. Call it from a " \
            "resource, or make fewer calls in recipe bodies"

      # Replays the record of a snapshot from now on.
      #
      # @param folder [String] of the generation
      # @return [void]
      def self.install(folder)
        path = File.join(folder, Run::Calls::FILE)
        Run::Calls.replay = new(File.file?(path) ? JSON.parse(File.read(path))["calls"] : [])
      end

      # @param calls [Array<Hash>] as in calls.json
      def initialize(calls)
        @answers = calls.group_by { |call| call.slice("site", "name", "arguments") }
      end

      # @return [Boolean] false in an action, whose calls are real
      def compiling? = Effects.compiling?

      # @param name [String] for people
      # @param key [Hash] site, name and arguments
      # @return [Object]
      # @raise [Error] as in the run
      # @raise [CompileEffect] without a record, or beyond its end
      def answer(name, key)
        answers = @answers[key] or Effects.refuse(name, REASON)
        call = answers.size > 1 ? answers.shift : answers.first
        call["cut"] ? Effects.refuse(name, CUT) : given(call)
      end

      private

      def given(call)
        error = call["error"] or return call["result"]

        raise error_class(error["class"]).new(error["message"], code: error["code"])
      end

      # By name, but only among our own: a file is no place to choose classes from.
      def error_class(name)
        own = FlockOfChefs.constants.map { |constant| FlockOfChefs.const_get(constant) unless constant == :Native }
        own.grep(Class).find { |known| known <= Error && known.name == name } || Error
      end
    end
  end
end
