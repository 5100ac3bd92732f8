# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Verbs
      class Trace < Verb
        # What nodes remember of one chain, in the order in which it happened. Each tells the time of its own clock.
        class Story
          # In which a notification ends.
          ENDED = %w[done failed unknown superseded expired denied undeliverable].freeze

          # @param answers [Hash{String=>Array<Hash>}] records by the node that keeps them
          def initialize(answers)
            records = answers.flat_map { |node, kept| kept.map { |record| record.merge("node" => node) } }
            @sent = records.select { |record| record["direction"] == "out" }
            @received = records.select { |record| record["direction"] == "in" }
          end

          # @return [Array<Hash>] time_ms, node, id, event, text
          def events = @events ||= ids.flat_map { |id| about(id) }

          # @return [String]
          def to_s
            begun = events.filter_map { |event| event["time_ms"] }.min
            ids.map { |id| [headline(id), *about(id).map { |event| line(event, begun) }].join("\n") }.join("\n\n")
          end

          private

          # Causes come before what they caused: these have longer chains, and of one length ids grow with time.
          def ids
            @ids ||= (@sent + @received).group_by { |record| record["id"] }
                                        .sort_by do |id, records|
              [records.map do |one|
                one["chain"].to_a.size
              end.min, id]
            end
                                        .map(&:first)
          end

          def records(id, from) = from.select { |record| record["id"] == id }

          def headline(id)
            record = (records(id, @sent) + records(id, @received)).first
            "#{id}  #{record["key"]} #{record["action"]}"
          end

          def about(id)
            sent = records(id, @sent)
            received = records(id, @received)
            begun = sent.map { |record| kept(record) }.uniq { |one| one["node"] }
            [*source_lines(sent.first || received.first), *begun,
             *targets(sent, received).flat_map { |node| there_and_back(node, sent, received) }]
          end

          def targets(sent, received)
            (sent.map { |record| record["peer"] } + received.map { |record| record["node"] }).uniq.sort
          end

          def there_and_back(node, sent, received)
            received.select { |record| record["node"] == node }.flat_map { |record| at_target(record) } +
              sent.select { |record| record["peer"] == node }.flat_map { |record| back(record) }
          end

          def event(record, time_ms, name, text)
            { "time_ms" => time_ms, "node" => record["node"], "id" => record["id"], "event" => name, "text" => text }
          end

          # The resources that were updated; that was a moment before it was handed over.
          def source_lines(record)
            node = record["direction"] == "out" ? record["node"] : record["peer"]
            record["sources"].to_a.map do |source|
              text = "#{source["key"]} was updated by :#{source["action"]} (#{source["recipe"]}:#{source["line"]})"
              event(record, nil, "updated", text).merge("node" => node, "run_id" => source["run_id"])
            end
          end

          def kept(record)
            subscription = record["subscription"].to_s
            how = subscription.empty? ? "notified" : "notified, for the subscription #{subscription[0, 8]}"
            event(record, record["created_ms"], "kept", "#{how}, #{record["timing"]}")
          end

          def at_target(record)
            arrived = event(record, record["created_ms"], "arrived", "arrived from #{record["peer"]}")
            return [arrived, waits(record)] unless ENDED.include?(record["state"])

            ran = record["run_ms"].to_i
            if ran.positive?
              began = event(record, record["updated_ms"] - ran, "began",
                            "action #{record["action"]} begins")
            end
            [arrived, began, event(record, record["updated_ms"], record["state"], ending(record))].compact
          end

          def waits(record)
            event(record, record["updated_ms"], record["state"], "#{record["state"]}#{reason(record)}")
          end

          def ending(record)
            took = " after #{Value.duration(record["run_ms"])}" if record["run_ms"].to_i.positive?
            others = record["shared_with"].to_i
            shared = ", with #{others} others by the same run" if others.positive?
            "#{record["state"]}#{took}#{shared}#{reason(record)}"
          end

          def reason(record)
            words = record.values_at("code", "message").map(&:to_s).reject(&:empty?).uniq
            words.empty? ? "" : " (#{words.join(": ")})"
          end

          # What the sender knows of it.
          def back(record)
            who = record["peer"].to_s.empty? ? "its targets" : record["peer"]
            unless ENDED.include?(record["state"])
              return [event(record, record["updated_ms"], record["state"],
                            "for #{who}: #{record["state"]}#{reason(record)}")]
            end

            [event(record, record["updated_ms"], "known", "knows that it is #{record["state"]} on #{who}")]
          end

          def line(event, begun)
            at = event["time_ms"]
            clock = at ? Time.at(at / 1000, at % 1000, :millisecond).utc.strftime("%H:%M:%S.%L") : ""
            "  #{clock.ljust(12)}  #{(at ? "+#{Value.duration([at - begun, 0].max)}" : "").ljust(9)}  " \
              "#{event["node"].ljust(width)}  #{Value.plain(event["text"])}"
          end

          def width = @width ||= events.map { |event| event["node"].length }.max
        end
      end
    end
  end
end
