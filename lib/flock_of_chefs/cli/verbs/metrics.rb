# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Verbs
      # The agent's numbers, in Prometheus' text format.
      class Metrics < Verb
        # +name{label="value"} 1.5+
        SAMPLE = /\A(?<name>[a-z_]+)(?:\{(?<labels>.*)\})? (?<value>\S+)\z/
        # +label="value"+, with what the format escapes.
        LABEL = /([a-z_]+)="((?:[^"\\]|\\.)*)"/

        # @return [Result]
        def call(client, _options = {})
          text = client.call("metrics").fetch("text")
          samples = text.lines(chomp: true).filter_map { |line| sample(line) }
          Result.new(data: samples, text: text.chomp, columns: %w[name labels value])
        end

        private

        def sample(line)
          found = SAMPLE.match(line) or return
          labels = found[:labels].to_s.scan(LABEL).to_h { |name, value| [name, value.gsub(/\\(.)/, '\1')] }
          { "name" => found[:name], "labels" => labels, "value" => Float(found[:value]) }
        end
      end
    end
  end
end
