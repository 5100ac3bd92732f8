# frozen_string_literal: true

# The process that fires resources outside a Chef run, started by the agent. Pure Ruby: the native library is never
# mapped here. See Launch for how to start it.
#
# `ruby main.rb JOB.json` (cold) compiles the snapshot, waits for the line "go" on its standard input, takes Chef's run
# lock and runs the one resource; what came of it is in the result file. `ruby main.rb --warm FOLDER DATA_DIR` stays,
# and forks a process for each job that does the same from the lock on; its standard input is a socket, see Control.
require_relative "load_path"
FlockOfChefs::Worker::LoadPath.restore(ENV.delete("FLOCK_LOAD_PATH"))

require_relative "channel"
require_relative "child"
require_relative "compile"
require_relative "job"
require_relative "no_native"

module FlockOfChefs
  module Worker
    # Order of a worker's life.
    module Main
      # An ignored signal stays ignored through exec; the supervisor's TERM must work.
      SIGNALS = %w[HUP INT QUIT TERM PIPE ALRM USR1 USR2 CHLD].freeze

      class << self
        # @param argv [Array<String>] see above
        # @return [Integer] the exit status: 0 when there is a result, or nothing was to be done; 2 for a bad job
        def call(argv)
          SIGNALS.each { |signal| trap(signal, "DEFAULT") }
          NoNative.install
          argv.first == "--warm" ? warm(*argv.drop(1)) : cold(argv.fetch(0))
        rescue Job::Invalid, IndexError, ArgumentError => e
          warn "flock_of_chefs worker: #{e.message}"
          2
        end

        private

        def cold(file)
          channel = Channel.take($stdin)
          job = Worker.job = Job.read(file)
          Process.setproctitle("flock_of_chefs worker #{job.id}")
          compiled = Compile.attempt(job)
          return 0 unless channel.go?

          Child.new(job, compiled).call
          0
        end

        def warm(folder, data_dir)
          require_relative "warm"
          Process.setproctitle("flock_of_chefs warm worker, generation #{File.basename(folder)}")
          Warm.new(Control.take($stdin), folder, data_dir).call
        end
      end
    end
  end
end

exit FlockOfChefs::Worker::Main.call(ARGV) if $PROGRAM_NAME == __FILE__
