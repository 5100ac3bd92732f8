# frozen_string_literal: true

require "json"
require "open3"
require "rbconfig"
require_relative "../errors"

module FlockOfChefs
  module Remote
    # Talks to the agent of this node through a process that is started for each question: for a worker, which forks and
    # therefore must not map the native library. It costs a tenth of a second; the actions that ask are few.
    # @api private
    class Subprocess
      # What is started.
      PROGRAM = File.expand_path("subprocess_main.rb", __dir__)
      # What starting it may take, beside the call itself.
      SLACK_S = 20

      # @param socket [String] the agent's
      # @param data_dir [String] the agent's
      def initialize(socket, data_dir)
        @options = { socket:, data_dir: }
      end

      # As {LocalClient#invoke}.
      def invoke(request, arguments, timeout_ms:)
        ask({ invoke: request, arguments:, timeout_ms: }, timeout_ms)
      end

      # As {LocalClient#call}.
      def call(operation, body = {}, timeout_ms: 10_000)
        ask({ call: operation, body:, timeout_ms: }, timeout_ms)
      end

      private

      def ask(question, timeout_ms)
        answer = JSON.parse(output(JSON.generate(@options.merge(question)), (timeout_ms / 1000.0) + SLACK_S))
        error = answer["error"] or return answer.fetch("answer")

        raise own_class(error["class"]).new(error["message"], code: error["code"])
      rescue JSON::ParserError
        raise InternalError, "the process that was to talk to the agent said nothing that can be read"
      end

      def output(question, limit_s)
        Open3.popen2(RbConfig.ruby, PROGRAM, err: File::NULL, pgroup: true) do |input, output, process|
          input.write(question)
          input.close
          said = Thread.new { output.read }
          return said.value if said.join(limit_s) && process.join(limit_s)

          Process.kill(:KILL, -process.pid)
          raise TimeoutError, "the process that was to talk to the agent did not end"
        end
      end

      # By name, but only among our own.
      def own_class(name)
        if name.match?(/\AFlockOfChefs::\w+Error\z/)
          known = FlockOfChefs.const_get(name.delete_prefix("FlockOfChefs::"))
        end
        known.is_a?(Class) && known <= Error ? known : Error
      rescue NameError
        Error
      end
    end
  end
end
