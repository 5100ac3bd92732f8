# frozen_string_literal: true

require "flock_of_chefs"
require "flock_of_chefs/calls/value"

RSpec.describe FlockOfChefs::Calls::Value do
  def there_and_back(object) = described_class.load(described_class.dump(object, "it"))

  it "brings data over as it is, but for symbols, which become strings" do
    data = { "a" => [1, -2.5, nil, true, { "b" => "ü" }], "big" => 2**63, "$price" => 1, "$" => "$$" }
    expect(there_and_back(data)).to eq(data)
    expect(there_and_back({ name: :value })).to eq("name" => "value")
  end

  it "brings bytes and times over" do
    bytes = "\xff\x00abc".b
    time = Time.at(1_700_000_000, 123_456_789, :nsec)
    expect(there_and_back([bytes, time])).to eq([bytes, time])
    expect(there_and_back(bytes).encoding).to eq(Encoding::BINARY)
    expect(there_and_back({ "$binary" => "no bytes" })).to eq("$binary" => "no bytes")
  end

  it "reads text of other encodings as text" do
    expect(there_and_back("größe".encode(Encoding::ISO_8859_1))).to eq("größe")
    expect(there_and_back("plain".b)).to eq("plain")
  end

  {
    "an object" => [Object.new, /\Aargument 1 is a Object: only data can travel/],
    "something deep inside" => [{ "a" => [1, 2i] }, /\Aargument 1\["a"\]\[1\] /],
    "a key that is a number" => [{ 1 => 2 }, /has the key 1, a Integer/],
    "a number too large" => [2**64, /64 bits/],
    "not a number" => [Float::NAN, /finite/],
    "broken text" => [+"\xff", /not valid UTF-8/],
    "a proc" => [-> {}, /is a Proc/]
  }.each do |what, (object, message)|
    it "refuses #{what} and says where it is" do
      expect { described_class.dump(object, "argument 1") }
        .to raise_error(FlockOfChefs::ProtocolError, message) { |error| expect(error.code).to eq("not_data") }
    end
  end

  it "has limits: of size and of depth" do
    expect { described_class.dump("x" * described_class::MAX_BYTES, "it") }
      .to raise_error(FlockOfChefs::ProtocolError, /at most/)
    deep = Array.new(described_class::MAX_DEPTH).inject([]) { |inner, _| [inner] }
    expect { described_class.dump(deep, "it") }.to raise_error(FlockOfChefs::ProtocolError, /nested deeper/)
    expect { described_class.load("{") }.to raise_error(FlockOfChefs::ProtocolError)
  end
end
