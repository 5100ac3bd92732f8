# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Verbs
      # The notifications that this node sent and received: all of them, or the whole story of one.
      class Notifications < Verb
        # Of the table.
        COLUMNS = %w[id direction state peer key action updated_ms code].freeze
        # What is told of one notification, in this order.
        STORY = %w[direction peer key action timing state code message attempt run_ms shared_with created_ms updated_ms
                   expires_ms].freeze

        # @option options [String] :id one notification; a unique beginning of its id is enough
        # @option options [String] :state
        # @option options [String] :direction "in" or "out"
        # @option options [String] :limit
        # @return [Result]
        def call(client, options = {})
          records = client.call("list", request(options)).fetch("records")
          say(options[:id] ? "no notification #{options[:id]}" : "no notifications") if records.empty?
          Result.new(data: records, columns: COLUMNS, name: "id", text: options[:id] && stories(records),
                     code: records.empty? && options[:id] ? ExitCodes::NOTHING : ExitCodes::DONE)
        end

        private

        def request(options)
          { id: options[:id].to_s, direction: options[:direction].to_s, state: options[:state].to_s,
            limit: Value.count(options[:limit], "--limit") || 0 }
        end

        def stories(records)
          records.empty? ? nil : records.map { |record| story(record).join("\n") }.join("\n\n")
        end

        def story(record)
          [record["id"], *STORY.map { |key| line(key.delete_suffix("_ms"), Value.text(key, record[key])) },
           *asked_by(record["operator"].to_s),
           *Array(record["sources"]).map { |source| line("because", cause(source)) },
           *Array(record["chain"]).map { |hop| line("after", "#{hop["key"]} #{hop["action"]} on #{hop["node"]}") }]
        end

        def asked_by(operator) = operator.empty? ? [] : [line("asked by", "operator/#{operator}")]

        def line(title, text) = "  #{"#{title}:".ljust(12)} #{text}"

        def cause(source) = "#{source["key"]} #{source["action"]} (#{source["recipe"]}:#{source["line"]})"
      end
    end
  end
end
