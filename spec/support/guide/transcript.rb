# frozen_string_literal: true

require_relative "../guide"

module Guide
  # What somebody typed and read, with the words of a guide in place of this machine's paths, ports and numbers.
  class Transcript
    # What is another one each time.
    CHANGING = {
      /\b\h{8}-\h{4}-7\h{3}-\h{4}-\h{12}\b/ => "01983b2e-7c1a-7d53-9c9e-3f1c2a5b6d70",
      /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.\d]*Z|[+-]\d\d:\d\d)/ => "2026-01-31T12:00:00Z",
      /says \S+, the hub's \S+?;/ => "says 2026-01-31T13:00:00Z, the hub's 2026-01-31T12:00:00Z;",
      /flock_of_chefs-\d+\.\d+\.\d+/ => "flock_of_chefs",
      /\bpid \d+/ => "pid 4711", /flock1\.[\w-]+/ => "flock1.eyJoIjpb…", / {2,}/ => "  "
    }.freeze

    # @param words [Hash{String => String}] what is here => what stands in the guide
    def initialize(words)
      @words = words
      @lines = []
    end

    # @param command [String] as it is typed
    # @param said [String] what came of it
    # @return [String] that, as the guide has it
    def type(command, said)
      shown = in_guide(said).lines.map(&:rstrip).reject(&:empty?).join("\n")
      @lines.push("$ #{in_guide(command)}", shown)
      shown
    end

    def to_s = "#{@lines.join("\n")}\n"

    private

    def in_guide(text)
      named = @words.sort_by { |here, _| -here.length }.reduce(text) { |all, (here, there)| all.gsub(here, there) }
      CHANGING.reduce(named) { |all, (pattern, there)| all.gsub(pattern, there) }
    end
  end
end
