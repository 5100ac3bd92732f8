# frozen_string_literal: true

require "json"
require_relative "process_group"

module FlockOfChefs
  module Agent
    # Starts Chef runs that were asked for: by the systemd unit, by a chef-client that runs in intervals, else by
    # +[chef] run_command+. A run that must differ from the node's ordinary one (run list, why-run) is always the
    # command's. Chef's own run lock orders it with the others.
    class ChefRuns
      # What the unit is called where Chef's packages and cookbooks make one.
      UNITS = %w[chef-client.service cinc-client.service].freeze
      # Where a chef-client that runs in intervals notes its process; USR1 wakes it.
      PID_FILES = %w[/run/chef/client.pid /var/run/chef-client.pid /tmp/chef-client.pid /run/cinc/client.pid
                     /tmp/cinc-client.pid].freeze
      # The command's output, of the newest run only.
      LOG = "chef.log"
      # The deadline of one call to the native agent.
      CALL_MS = 10_000
      # States of a unit that has a job of its own at work: another one that is asked for then would be the same.
      BUSY = %w[activating deactivating].freeze
      # How often such a unit is looked at.
      LOOK_S = 1
      # How many times, at most.
      LOOKS = 6 * 3600
      # @param native [Native::Agent]
      # @param config [Hash] agent.toml, resolved
      # @param log [Log]
      # @param systemctl [#call] what systemctl answers to its arguments: its output, nil when it failed
      # @param pid_files [Array<String>]
      # @param sleeper [#call]
      def initialize(native, config, log:, systemctl: SYSTEMCTL, pid_files: PID_FILES, sleeper: Kernel.method(:sleep))
        @native = native
        @config = config
        @log = log
        @systemctl = systemctl
        @pid_files = pid_files
        @sleep = sleeper
      end

      # @param event [Hash] a "run_chef" event
      # @return [Thread] which waits for the command
      def start(event)
        Thread.new { run(event) }.tap do |thread|
          thread.name = "flock-chef"
          thread.report_on_exception = false
        end
      end

      private

      # Asks systemd.
      SYSTEMCTL = lambda do |*arguments|
        output = IO.popen(["systemctl", *arguments, { err: File::NULL }], &:read)
        output if $?.success? # rubocop:disable Style/SpecialGlobalVars
      rescue SystemCallError
        nil
      end
      private_constant :SYSTEMCTL

      def run(event)
        way = ordinary?(event) && (unit || daemon)
        @log.info("a Chef run was asked for: #{way || command(event).join(" ")}")
        ended(event, way ? "" : execute(event), finished: !way)
      rescue StandardError => e
        ended(event, "it could not be started: #{e.message}", finished: true)
      end

      def ordinary?(event) = event["run_list"].to_a.empty? && !event["why_run"]

      # @return [String, nil] what was done
      def unit
        name = UNITS.find { |unit| @systemctl.call("show", "-p", "LoadState", "--value", unit)&.strip == "loaded" }
        return unless name

        "systemd's #{name}" if @systemctl.call(*way_in(name), name)
      end

      # A daemon is woken, its main process only: what a run of it has at work must not hear the signal.
      def way_in(name)
        return %w[kill --kill-who=main -s USR1] if idle_state(name) == "active"

        %w[start --no-block]
      end

      # A oneshot unit is "activating" while Chef runs, and to start it then would be to join that run, which began
      # before this one was asked for.
      #
      # @return [String] the state of the unit once it has come to one
      # @raise [RuntimeError] when it comes to none
      def idle_state(name)
        LOOKS.times do |nth|
          state = @systemctl.call("show", "-p", "ActiveState", "--value", name).to_s.strip
          return state unless BUSY.include?(state)

          @log.info("#{name} runs Chef now; it is started again after that") if nth.zero?
          @sleep.call(LOOK_S)
        end
        raise "#{name} has not come to an end for #{LOOKS * LOOK_S / 3600} h"
      end

      # @return [String, nil] what was done
      def daemon
        pid = @pid_files.filter_map { |file| pid_of(file) }.first or return
        Process.kill(:USR1, pid)
        "the chef-client with pid #{pid}"
      rescue SystemCallError
        nil
      end

      def pid_of(file)
        pid = Integer(File.read(file).strip, 10)
        pid if File.read("/proc/#{pid}/cmdline").match?(/(chef|cinc)-client/)
      rescue SystemCallError, ArgumentError
        nil
      end

      def command(event)
        command = @config.dig("chef", "run_command").dup
        command += ["-o", event["run_list"].join(",")] if event["run_list"].to_a.any?
        command << "--why-run" if event["why_run"]
        command
      end

      # @return [String] what went wrong
      def execute(event)
        path = File.join(@config["data_dir"], LOG)
        pid = File.open(path, File::WRONLY | File::CREAT | File::TRUNC, 0o600) do |out|
          Process.spawn(*command(event), in: File::NULL, out:, err: out, pgroup: true)
        end
        _, status = Process.wait2(pid)
        return "" if status.success?

        "#{@config.dig("chef", "run_command").first} ended with #{status.exitstatus || "signal #{status.termsig}"}; " \
          "see #{path}"
      end

      # @param finished [Boolean] whether a command of ours has ended; else somebody was asked, who runs Chef later
      def ended(event, problem, finished:)
        @log.warn("the Chef run that was asked for: #{problem}") unless problem.empty?
        @native.call("chef_ended", JSON.generate(request: event["request"], problem:, finished:), CALL_MS)
      rescue FlockOfChefs::Error
        nil # the agent is stopping; run.json tells how the run went
      end
    end
  end
end
