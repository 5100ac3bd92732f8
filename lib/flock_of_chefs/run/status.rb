# frozen_string_literal: true

require "fileutils"
require "json"
require_relative "journal_file"

module FlockOfChefs
  module Run
    # +run.json+: what other processes, above all the agent, may know of this node's last Chef run.
    #
    #     status = Status.new(data_dir)
    #     status.start(run_id)       # phase "running"; => the run's number
    #     status.finish("succeeded")
    #
    # A run that was killed leaves "running" with a pid and start time that no process has.
    class Status
      # The file's name in the agent's directory.
      FILE = "run.json"

      # What Linux calls this boot of the machine.
      BOOT_ID = "/proc/sys/kernel/random/boot_id"

      # Milliseconds since 1970.
      WALL_CLOCK = -> { Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond) }

      # @return [Integer, nil] grows by one with each run
      attr_reader :number

      # @param data_dir [String]
      # @param pid [Integer] the run's process
      # @param now_ms [#call] milliseconds since 1970
      def initialize(data_dir, pid: Process.pid, now_ms: WALL_CLOCK)
        @data_dir = data_dir
        @pid = pid
        @now_ms = now_ms
      end

      # @param run_id [String] Chef's
      # @return [Integer] the run's number
      # @raise [SystemCallError] if the file cannot be written
      def start(run_id)
        @number = last_number + 1
        write(run_id: run_id, phase: "running", started_ms: @now_ms.call, ended_ms: nil)
        @number
      end

      # @param phase [String] "succeeded" or "failed"
      # @param error [String, nil] why it failed, without values
      # @param reboot [Boolean] whether Chef restarts the machine now
      # @return [void]
      # @raise [SystemCallError] if the file cannot be written
      def finish(phase, error: nil, reboot: false)
        asked = reboot ? { reboot: true, boot_id: boot_id } : {}
        write(**@written, phase: phase, ended_ms: @now_ms.call, error: error, **asked)
      end

      # @return [Hash{Symbol=>Object}] what the file says
      def to_h = { number: @number, pid: @pid, pid_start: pid_start, **@written }

      private

      def path = File.join(@data_dir, FILE)

      # Never below a generation that was saved or a journal, even if run.json is lost: both are named by run numbers.
      def last_number = [number_in_file, generation, *JournalFile.numbers(@data_dir).last].max

      def number_in_file
        Integer(JSON.parse(File.read(path)).fetch("number"))
      rescue SystemCallError, JSON::ParserError, KeyError, TypeError, ArgumentError
        0
      end

      def generation
        Integer(File.read(File.join(@data_dir, "snapshots", "current")).strip, 10)
      rescue SystemCallError, ArgumentError
        0
      end

      # With the pid it identifies the process: pids are used again.
      def pid_start
        @pid_start ||= File.read("/proc/#{@pid}/stat").rpartition(") ").last.split[19].to_i
      rescue SystemCallError
        0
      end

      # By another one the agent sees that the machine has restarted.
      def boot_id
        File.read(BOOT_ID).strip
      rescue SystemCallError
        ""
      end

      def write(content)
        @written = content
        FileUtils.mkdir_p(@data_dir, mode: 0o700)
        temporary = "#{path}.#{@pid}.tmp"
        File.open(temporary, File::WRONLY | File::CREAT | File::TRUNC, 0o600) do |file|
          file.write(JSON.generate(to_h))
          file.fsync
        end
        File.rename(temporary, path)
      end
    end
  end
end
