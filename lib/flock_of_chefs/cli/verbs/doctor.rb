# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Verbs
      # Looks for what is wrong on this node, also while no agent runs.
      class Doctor < Verb
        # Of the table.
        COLUMNS = %w[level check message remedy].freeze

        # @param client [LocalClient]
        # @return [Result]
        def call(client, _options = {})
          findings = local(client.config) + remote(client)
          Result.new(data: findings, columns: COLUMNS, name: "check", code: code(findings))
        end

        private

        def local(config)
          [config["data_dir"] && data_dir(config["data_dir"])].compact
        end

        def data_dir(path)
          mode = File.stat(path).mode & 0o777
          return finding("ok", "data_dir", "#{path} is closed to others", "") if mode.nobits?(0o077)

          finding("error", "data_dir", "#{path} has mode #{mode.to_s(8)}", "chmod 700 #{path}")
        rescue Errno::ENOENT
          finding("error", "data_dir", "#{path} does not exist", "flockctl init or flockctl join")
        end

        def remote(client)
          client.call("doctor").fetch("findings")
        rescue ConnectionError, TimeoutError => e
          @unreachable = true
          [finding("error", "agent", e.message, "start it: systemctl start flock-agent, or flockctl agent")]
        end

        def finding(level, check, message, remedy)
          { "level" => level, "check" => check, "message" => message, "remedy" => remedy }
        end

        def code(findings)
          return ExitCodes::UNKNOWN if @unreachable

          findings.any? { |found| found["level"] == "error" } ? ExitCodes::FAILED : ExitCodes::DONE
        end
      end
    end
  end
end
