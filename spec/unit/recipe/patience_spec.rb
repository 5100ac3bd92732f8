# frozen_string_literal: true

require "chef"
require "flock_of_chefs"
require "flock_of_chefs/recipe/patience"

RSpec.describe FlockOfChefs::Recipe::Patience do
  def parse(value) = described_class.parse(value, caller_locations(1, 1).first)

  it "is none unless the recipe asks for it" do
    expect([parse(nil), parse(false)]).to eq([nil, nil])
  end

  it "takes seconds, and knows where they stand" do
    line = __LINE__ + 1
    patience = parse(30)
    expect([patience.limit_s, patience.place]).to eq([30, "patience_spec.rb:#{line}"])
  end

  it "takes true for as long as waits last by default, also where that is said later" do
    patience = parse(true)
    FlockOfChefs.wait_timeout = 7
    expect(patience.limit_s).to eq(7)
  ensure
    FlockOfChefs.wait_timeout = 600
  end

  [0, -1, 2_592_001, "30", :true, Float::INFINITY, 1i, []].each do |wrong| # rubocop:disable Lint/BooleanSymbol
    it "refuses #{wrong.inspect}" do
      expect { parse(wrong) }.to raise_error(ArgumentError, /wait: needs seconds from 1 to 2592000, or true/)
    end
  end
end
