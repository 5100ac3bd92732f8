# frozen_string_literal: true

# The process that fires one resource outside a Chef run: `ruby main.rb JOB.json`, started by the agent. Pure Ruby: the
# native library is never mapped here. It compiles the snapshot, waits for the line "go" on its standard input, takes
# Chef's run lock and runs the one resource; what came of it is in the result file. See Launch for how to start it.
require_relative "load_path"
FlockOfChefs::Worker::LoadPath.restore(ENV.delete("FLOCK_LOAD_PATH"))

require_relative "channel"
require_relative "child"
require_relative "compile"
require_relative "job"

module FlockOfChefs
  module Worker
    # Order of a worker's life.
    module Main
      # An ignored signal stays ignored through exec; the supervisor's TERM must work.
      SIGNALS = %w[HUP INT QUIT TERM PIPE ALRM USR1 USR2 CHLD].freeze

      # @param argv [Array<String>] the job file
      # @return [Integer] the exit status: 0 when there is a result, or nothing was to be done; 2 for a bad job
      def self.call(argv)
        SIGNALS.each { |signal| trap(signal, "DEFAULT") }
        channel = Channel.take($stdin)
        job = Worker.job = Job.read(argv.fetch(0))
        Process.setproctitle("flock_of_chefs worker #{job.id}")
        compiled = Compile.attempt(job)
        return 0 unless channel.go?

        Child.new(job, compiled).call
        0
      rescue Job::Invalid, IndexError => e
        warn "flock_of_chefs worker: #{e.message}"
        2
      end
    end
  end
end

exit FlockOfChefs::Worker::Main.call(ARGV) if $PROGRAM_NAME == __FILE__
