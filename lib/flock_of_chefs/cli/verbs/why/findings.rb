# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Verbs
      class Why < Verb
        # What a report of the agent means, one finding per thing that was looked at, each with its remedy.
        class Findings
          # Beyond this clocks are wrong.
          CLOCK_MS = 60_000
          # A certificate that ends sooner should have been renewed.
          RENEWED_MS = 10 * 86_400_000
          # What to do by the code of a connection that failed.
          REMEDIES = {
            "refused" => "on it: systemctl status flock-agent; is `advertise` in its agent.toml right?",
            "unreachable" => "is the machine up, does a firewall let the port through? With listen = \"\" in its " \
                             "agent.toml it is reached through the hub",
            "wrong_name" => "`advertise` in its agent.toml names another node's address",
            "removed" => "on it: flockctl join STRING --replace, with a new token of a hub",
            "certificate_expired" => "see that its clock is right; what ended is renewed when its agent runs",
            "newer_session" => "two agents have this name: stop one of them",
            "not_flock" => "`advertise` in its agent.toml names the port of something else"
          }.freeze

          # @param report [Hash] WhyReport of proto/flock/v1/local.proto
          # @param answer [Float, Error] milliseconds that the node took to answer, or why it did not
          def initialize(report, answer)
            @report = report
            @hub = report["hub"]
            @answer = answer
          end

          # @return [Array<Hash>] level, check, message, remedy
          def all
            return [hub, *(denial.any? ? denial + refusal : [stranger])] if unknown?

            [answer, hub, flock, heartbeat, *denial, clock, certificate, handshake, *refusal, waiting].compact
          end

          private

          def name = @report["node"]

          def presence = @report["info"].to_h["presence"].to_s

          def unknown? = ["unknown", ""].include?(presence) && @answer.is_a?(Error)

          def finding(level, check, message, remedy = "")
            { "level" => level, "check" => check, "message" => message, "remedy" => remedy }
          end

          def answer
            return finding("ok", "answer", "it answers, in #{@answer.round(1)} ms") unless @answer.is_a?(Error)
            return finding("ok", "answer", "it is there, and refuses this question: #{@answer.message}") if refused?

            finding("error", "answer", @answer.message, REMEDIES[@answer.code] || "see the lines below")
          end

          # Its policy spoke: it could be reached.
          def refused? = @answer.is_a?(DeniedError) && @answer.code == "policy"

          def stranger
            finding("error", "name", "nobody called #{name} has joined the flock",
                    "flockctl nodes lists those who have; on a new machine: flockctl join STRING")
          end

          def hub
            return finding("ok", "hub", "the hub #{@hub["hub"]} was asked") if @report["hub_problem"].to_s.empty?

            finding("error", "hub", "no hub could be asked: #{@report["hub_problem"]}",
                    "flockctl doctor on this node; what follows is what was known last")
          end

          def flock
            info = @report["info"].to_h
            where = info["address"].to_s.empty? ? "it only dials out" : "at #{info["address"]}"
            where += ", as it was known last" if @report["stale"]
            level = { "alive" => "ok", "suspect" => "warning" }.fetch(presence, "error")
            finding(level, "flock", "#{presence}, #{where}, version #{info["version"].to_s.then do |v|
              v.empty? ? "?" : v
            end}",
                    level == "ok" ? "" : "on it: systemctl status flock-agent, then flockctl doctor")
          end

          def heartbeat
            return if @hub.nil?
            return departed unless @hub["connected"]

            silent = @hub["now_ms"] - @hub["heard_ms"]
            level = silent > @hub["lease_ms"] ? "warning" : "ok"
            relayed = @hub["served"] ? "" : "; it takes nothing through the hub yet"
            finding(level, "heartbeat", "heard #{Value.duration([silent, 0].max)} ago, in session since " \
                                        "#{Value.time(@hub["since_ms"])}#{relayed}")
          end

          def departed
            met = @hub["encounter"].to_h
            heard = [@hub["heard_ms"].to_i, met["heard_ms"].to_i].max
            return finding("warning", "heartbeat", "not heard by this hub since it began") if heard.zero?

            why = heard > met["heard_ms"].to_i ? "its connection broke" : met["ended"]
            finding("warning", "heartbeat", "heard last at #{Value.time(heard)}; #{why}",
                    "on it: systemctl status flock-agent")
          end

          def denial
            removed = @hub.to_h["removed_ms"].to_i
            by = "by #{@hub["removed_by"]} at #{Value.time(removed)}" if removed.positive?
            return [] unless by || @report["denied"]

            [finding("error", "denial", ["removed from the flock", by].compact.join(" "), REMEDIES["removed"])]
          end

          def clock
            offset = @hub.to_h["clock_offset_ms"] or return
            return finding("ok", "clock", "#{offset} ms from the hub's") if offset.abs <= CLOCK_MS

            finding("error", "clock", "#{Value.duration(offset.abs)} #{offset.positive? ? "ahead of" : "behind"} the " \
                                      "hub's; nothing expires there meanwhile",
                    "set its clock (chrony, systemd-timesyncd)")
          end

          # Of what it showed to the hub, else to this node.
          def certificate
            ends = [@hub.to_h["encounter"], @report["here"]].compact.map do |met|
              met["certificate_expires_ms"].to_i
            end.max
            return if ends.to_i.zero?

            left = ends - @report["now_ms"]
            if left <= 0
              return finding("error", "certificate", "ended at #{Value.time(ends)}",
                             REMEDIES["certificate_expired"])
            end
            return finding("ok", "certificate", "until #{Value.time(ends)}") if left > RENEWED_MS

            finding("warning", "certificate", "ends at #{Value.time(ends)}; it should have been renewed",
                    "on it: flockctl doctor")
          end

          def handshake
            here = @report["here"] or return finding("ok", "handshake", "none with this node since its agent began")
            return failed("handshake", here) if here["failed_ms"].to_i > here["met_ms"].to_i

            finding("ok", "handshake", "with this node at #{Value.time(here["met_ms"])}")
          end

          def refusal
            met = @hub.to_h["encounter"].to_h
            since = [met["met_ms"].to_i, @hub.to_h["since_ms"].to_i].max
            met["failed_ms"].to_i > since ? [failed("refusal", met, "the hub: ")] : []
          end

          def failed(check, met, who = "")
            return predecessor(check, met, who) if met["code"] == "removed" && @hub.to_h["connected"] && denial.empty?

            finding("error", check, "#{who}#{met["message"]} (#{met["code"]}, #{Value.time(met["failed_ms"])})",
                    REMEDIES[met["code"]] || "")
          end

          # The node itself is in session: the certificate that was refused is an older one.
          def predecessor(check, met, who)
            finding("warning", check, "#{who}another machine that had this name before dialled at " \
                                      "#{Value.time(met["failed_ms"])}, and was refused",
                    "on that machine: stop its agent, or flockctl leave")
          end

          def waiting
            count = @report["waiting"].to_i
            return finding("ok", "outbox", "nothing waits to leave for it") if count.zero?

            why = [@report["waiting_code"], @report["waiting_message"]].map(&:to_s).reject(&:empty?).join(": ")
            finding("warning", "outbox", "#{count} notifications wait to leave for it#{" (#{why})" unless why.empty?}",
                    "flockctl notifications list --direction out --state queued")
          end
        end
      end
    end
  end
end
