# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Verbs
      # How the agent of this node is.
      class Status < Verb
        # @return [Result]
        def call(client, _options = {})
          report = client.call("status")
          agent = report["agent"].to_h
          Result.new(data: report.merge("name" => agent["name"]), text: sentences(agent, report))
        end

        private

        def sentences(agent, report)
          [
            "#{agent["name"]}: #{agent["hub"] ? "hub" : "member"} of flock #{agent["flock_id"]}, " \
            "version #{agent["version"]}, pid #{agent["pid"]}",
            "registry: #{report["link"]}#{" to #{report["hub"]}" unless report["hub"].to_s.empty?}, " \
            "#{report["members"]} members, epoch #{report["epoch"]}",
            "notifications: #{report["queued"]} to send, #{report["stored"]} to run, " \
            "#{report["unfinished"]} unfinished",
            "spool: #{report["spool"]} waiting, #{report["spool_bad"]} quarantined",
            *("disk: nearly full, nothing new is taken in; see flockctl doctor" if report["disk_low"]),
            *chef(report),
            "started #{time("started_ms", report)}, certificate until #{time("certificate_expires_ms", report)}"
          ].join("\n")
        end

        def chef(report)
          phase = Value.text("run_phase", report["run_phase"])
          ["Chef: generation #{report["generation"]}, last run #{phase}", "worker: #{worker(report["worker"].to_h)}",
           *apis(report["hosts"].to_a)]
        end

        def worker(state)
          text = state["state"].to_s.tr("_", " ")
          text += ", generation #{state["generation"]}" if state["generation"].to_i.positive?
          text += " (#{state["message"]})" unless state["message"].to_s.empty?
          text.empty? ? "unknown" : text
        end

        # @return [Array<String>] one line for each kind of APIs that this node has
        def apis(hosts)
          hosts.reject { |host| host["state"] == "off" }.map do |host|
            text = "APIs (#{host["kind"]}): #{host["state"].tr("_", " ")}"
            text += " #{host["apis"].join(", ")}" unless host["apis"].to_a.empty?
            text += " (pid #{host["pid"]})" if host["pid"].to_i.positive?
            [text, host["message"], *host["problems"]].reject { |part| part.to_s.empty? }.join("; ")
          end
        end

        def time(key, report) = Value.text(key, report[key])
      end
    end
  end
end
