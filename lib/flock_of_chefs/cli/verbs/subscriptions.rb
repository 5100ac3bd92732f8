# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Verbs
      # What this node subscribes to on others, and others on this node: all of it, or the whole story of one.
      class Subscriptions < Verb
        # Of the table.
        COLUMNS = %w[id direction state subscriber action key when of fired last_fired_ms code].freeze
        # What is told of one subscription, in this order.
        STORY = %w[direction state code message subscriber action key when of timing ttl_ms retry declared fired
                   last_fired_ms].freeze
        # Fields of the sources that are lists of names, +nodes+ apart.
        WORDS = %w[roles recipes tags services].freeze
        # Those that are one name.
        NAMES = %w[environment policy_name policy_group cloud].freeze

        # @option options [String] :id one subscription; a unique beginning of its id is enough
        # @option options [String] :direction "out" (this node subscribes) or "in" (others subscribe to this node)
        # @option options [String] :limit
        # @return [Result]
        def call(client, options = {})
          records = client.call("subscriptions", request(options)).fetch("records").map { |record| row(record) }
          say(options[:id] ? "no subscription #{options[:id]}" : "no subscriptions") if records.empty?
          Result.new(data: records, columns: COLUMNS, name: "id", text: options[:id] && stories(records),
                     code: records.empty? && options[:id] ? ExitCodes::NOTHING : ExitCodes::DONE)
        end

        private

        def request(options)
          { id: options[:id].to_s, direction: options[:direction].to_s,
            limit: Value.count(options[:limit], "--limit") || 0 }
        end

        # The record as the agent says it, and beside it what people look for in one line.
        def row(record)
          asked = record.fetch("subscription")
          record.merge(asked.slice("id", "subscriber", "action", "key", "timing", "ttl_ms", "retry"),
                       "when" => asked["source_key"], "of" => audience(asked["sources"].to_h),
                       "declared" => "#{asked["recipe"]}:#{asked["line"]}")
        end

        # @return [Array<String>] such as +["bender0", "roles:web,cache"]+
        def audience(targets)
          words = targets.slice(*WORDS).transform_values { |names| Array(names).join(",") }
          words = words.merge(targets.slice(*NAMES)).reject { |_, text| text.to_s.empty? }
          [*targets["nodes"], *words.map { |field, text| "#{field}:#{text}" }]
        end

        def stories(records)
          records.empty? ? nil : records.map { |record| story(record).join("\n") }.join("\n\n")
        end

        def story(record)
          [record["id"], *STORY.map { |key| line(key.delete_suffix("_ms"), Value.text(key, record[key])) },
           *Array(record["sources"]).map { |node| line("source", "#{node["name"]} (#{node["presence"]})") }]
        end

        def line(title, text) = "  #{"#{title}:".ljust(12)} #{text}"
      end
    end
  end
end
