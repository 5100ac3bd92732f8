# frozen_string_literal: true

require "flock_of_chefs/recipe/limits"

# The agent checks again what a recipe hands over: a limit that differs would fail a run where a line of the recipe
# could have been named, or forbid what the agent takes.
RSpec.describe FlockOfChefs::Recipe::Limits do
  let(:agent) do
    source = File.read(File.expand_path("../../../ext/flock_core/src/limits.rs", __dir__))
    source.scan(/^pub const (\w+): \w+ = ([\d_ *]+);$/).to_h do |name, value|
      [name.to_sym, value.split("*").map { |factor| Integer(factor.strip) }.reduce(:*)]
    end
  end

  %i[KEY_BYTES ACTION_BYTES NODE_NAME_BYTES TARGET_WORD_BYTES TARGETS TARGET_WORDS RETRY_MAX SOURCES].each do |name|
    it("has the agent's #{name}") { expect(described_class.const_get(name)).to eq(agent.fetch(name)) }
  end

  it "has the agent's times to live, in seconds" do
    times = [described_class::TTL_DEFAULT_S, described_class::TTL_MAX_S]
    expect(times.map { |seconds| seconds * 1000 }).to eq(agent.values_at(:TTL_DEFAULT_MS, :TTL_MAX_MS))
  end

  it "lets a draft with the longest key and as many causes as possible fit" do
    longest = "x" * described_class::SOURCE_BYTES
    action = "x" * described_class::ACTION_BYTES
    source = { key: longest, recipe: longest, action: action, line: 10_000, run_id: "0" * 36 }
    draft = { key: "x" * described_class::KEY_BYTES, action: action, sources: [source] * described_class::SOURCES }
    # The agent counts a message without names of fields, which is shorter.
    values = draft[:key].bytesize + draft[:sources].sum { |cause| cause.values.join.bytesize + 32 }
    expect(values).to be < agent.fetch(:DRAFT_BYTES)
  end
end
