# frozen_string_literal: true

require "flock_of_chefs"
require "flock_of_chefs/remote"

RSpec.describe FlockOfChefs::Remote::Future do
  let(:gate) { Thread::Queue.new }

  def held(value) = described_class.new { gate.pop && value }
  def failing(message = "no") = described_class.new { raise ArgumentError, message }

  it "has its value when the call has ended, and says so" do
    future = held(3)
    expect(future).not_to be_ready
    expect { future.value(0.01) }.to raise_error(FlockOfChefs::TimeoutError)
    gate << true
    expect([future.value(10), future.ready?, future.failed?]).to eq([3, true, false])
  end

  it "raises what the call raised" do
    expect { failing.value(10) }.to raise_error(ArgumentError, "no")
  end

  it "can be given up" do
    future = held(1)
    future.cancel
    expect { future.value(10) }.to raise_error(FlockOfChefs::RejectedError, /cancelled/)
  end

  it "waits for all, for any, and for so many" do
    gate.push(true).push(true)
    expect(described_class.all([held(1), held(2)], timeout: 10)).to eq([1, 2])
    gate << true
    expect(described_class.any([failing, held(5)], timeout: 10)).to eq(5)
    gate << true
    two = [held(1), failing, held(2)]
    expect { described_class.n_of(2, two, timeout: 0.05) }.to raise_error(FlockOfChefs::TimeoutError)
    gate << true
    expect(described_class.n_of(2, two, timeout: 10).map(&:value)).to contain_exactly(1, 2)
    expect { described_class.n_of(2, [failing("a"), held(1)], timeout: 10) }.to raise_error(ArgumentError, "a")
  ensure
    3.times { gate << true }
  end

  it "has a limit" do
    sleep 0.01 until described_class.running.zero? # what other examples have given up
    futures = Array.new(described_class::LIMIT) { held(1) }
    expect { held(1) }.to raise_error(FlockOfChefs::RejectedError, /under way/)
  ensure
    Array(futures).each { gate << true }.each { |future| future.value(10) }
  end
end
