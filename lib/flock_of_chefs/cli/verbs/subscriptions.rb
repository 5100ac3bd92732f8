# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Verbs
      # What this node subscribes to ("out") and who subscribes to it ("in").
      class Subscriptions < Verb
        # Of the table.
        COLUMNS = %w[id direction state source_key sources subscriber key action timing fired].freeze
        # What is told of one subscription, in this order.
        STORY = %w[direction state code message source_key sources subscriber key action timing declared revision fired
                   last_fired_ms].freeze

        # @option options [String] :id one subscription; a unique beginning of its id is enough
        # @option options [String] :direction "in" or "out"
        # @option options [String] :limit
        # @return [Result]
        def call(client, options = {})
          rows = client.call("subscriptions", request(options)).fetch("records").map { |record| flat(record) }
          say(options[:id] ? "no subscription #{options[:id]}" : "no subscriptions") if rows.empty?
          Result.new(data: rows, columns: COLUMNS, name: "id", text: options[:id] && stories(rows),
                     code: rows.empty? && options[:id] ? ExitCodes::NOTHING : ExitCodes::DONE)
        end

        private

        def request(options)
          { id: options[:id].to_s, direction: options[:direction].to_s,
            limit: Value.count(options[:limit], "--limit") || 0 }
        end

        def flat(record)
          subscription = record.fetch("subscription")
          seen = Array(record["sources"]).map { |node| "#{node["name"]} (#{node["presence"]})" }
          subscription.merge(record.except("subscription"), "sources" => audience(subscription["sources"]),
                                                            "seen" => seen, "declared" => place(subscription))
        end

        def audience(targets)
          given = (targets || {}).reject { |_, value| value.nil? || value.empty? }
          nodes = Array(given.delete("nodes"))
          [*nodes, *given.map { |field, value| "#{field}:#{Array(value).join(",")}" }]
        end

        def place(subscription) = "#{subscription["recipe"]}:#{subscription["line"]}"

        def stories(rows)
          rows.empty? ? nil : rows.map { |row| story(row).join("\n") }.join("\n\n")
        end

        def story(row)
          [row["id"], *STORY.map { |key| line(key.delete_suffix("_ms"), Value.text(key, row[key])) },
           *row["seen"].map { |node| line("node", node) }]
        end

        def line(title, text) = "  #{"#{title}:".ljust(12)} #{text}"
      end
    end
  end
end
