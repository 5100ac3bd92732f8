# frozen_string_literal: true

# The process in which user APIs live, started by the agent; see Launch. It never forks: it has native threads.
require_relative "../worker/load_path"
FlockOfChefs::Worker::LoadPath.restore(ENV.delete("FLOCK_LOAD_PATH"))

require_relative "../../flock_of_chefs"
require_relative "../worker/control"
require_relative "code"
require_relative "offer"
require_relative "output"
require_relative "server"

module FlockOfChefs
  module Host
    # Order of a host's life.
    module Main
      # An ignored signal stays ignored through exec; the agent's TERM must work.
      SIGNALS = %w[HUP INT QUIT PIPE ALRM USR1 USR2 CHLD].freeze
      # For the agent to take the host in.
      CONNECT_MS = 10_000

      class << self
        # @return [Integer] the exit status
        def call
          SIGNALS.each { |signal| trap(signal, "DEFAULT") }
          $stdout.sync = $stderr.sync = true
          control = Worker::Control.take($stdin)
          order, = control.hear
          order ? serve(control, order) : 0
        end

        private

        def serve(control, order)
          Output.new(order.fetch("data_dir")).tend
          Process.setproctitle("flock_of_chefs host (#{order.fetch("kind")})")
          offer = Offer.new(Code.load(order))
          server = Server.new(Native::Host.new(order.fetch("socket")), offer)
          server.connect(order.fetch("token"), CONNECT_MS)
          trap("TERM") { server.stop }
          control.tell({ state: "serving" })
          end_with(control, server)
          server.run
          0
        end

        # The agent is gone when its end of the connection is.
        def end_with(control, server)
          Thread.new do
            nil while control.hear
            server.stop
          end
        end
      end
    end
  end
end

if $PROGRAM_NAME == __FILE__
  status =
    begin
      FlockOfChefs::Host::Main.call
    rescue StandardError, ScriptError => e
      warn "flock_of_chefs host: #{e.full_message(highlight: false)}"
      1
    end
  # Nothing that code of users left at exit keeps the process.
  exit!(status)
end
