# frozen_string_literal: true

require "flock_of_chefs"
require "flock_of_chefs/host/offer"
require "flock_of_chefs/host/server"
require "timeout"
require_relative "../../support/fake_native_host"

RSpec.describe FlockOfChefs::Host::Server do
  around do |example|
    FlockOfChefs::Api::Registry.clear
    Timeout.timeout(60) { example.run }
  ensure
    FlockOfChefs::Api::Registry.clear
    FlockOfChefs::Api::Registry.announcer = nil
  end

  # What methods of the API below are held up by, and what they leave.
  let(:gate) { Thread::Queue.new }
  let(:seen) { Thread::Queue.new }
  let(:native) { FakeNativeHost.new }
  let!(:offer) do
    define
    FlockOfChefs::Host::Offer.new
  end
  let(:server) { described_class.new(native, offer, grace_s: 30) }
  let(:running) { Thread.new { server.run } }

  before do
    server.connect("t0ken", 1_000)
    running
  end

  after do
    server.stop
    native.push({})
    running.join(30)
  end

  def define
    gate = self.gate
    seen = self.seen
    stub_const("HumanApi", Class.new do
      include FlockOfChefs::Api

      expose :count, help: "How many", schema: { planet: "string", limit: "integer?" }
      expose :who, :left, :boom, :elsewhere, :socket, :hold, :told, :quit, :keys, :each_of, :large
      concurrency 2
      queue 5
      help "Of humans"

      define_method(:initialize) { seen.push(:made) }
      define_method(:hold) { |word = "held"| seen.push(word) && gate.pop && word }
      define_method(:told) { FlockOfChefs.changed(:human_api) }
      def count(planet, limit = nil) = [planet, limit]
      def who = FlockOfChefs::Api.caller
      def left = FlockOfChefs::Api.deadline
      def boom = raise(KeyError, "no humans")
      def elsewhere = raise(FlockOfChefs::DeniedError, "not yours")
      def socket = $stdout
      def quit = exit
      def keys(first, second: nil) = [first, second]
      def secret = "never"
      def each_of(*values) = values.map { |value| yield(value).inspect }

      define_method(:large) do |count, &block|
        count.times do |n|
          block.call("x" * 100_000)
          seen.push(n)
        end
      ensure
        seen.push(:over)
      end
    end)
  end

  it "offers what is exposed, with help, schema and limits" do
    expect(native.hello).to include("token" => "t0ken", "pid" => Process.pid, "problems" => [])
    info = native.hello["apis"].first
    expect(info).to include("name" => "human_api", "class_name" => "HumanApi", "help" => "Of humans",
                            "concurrency" => 2, "queue" => 5)
    expect(info["methods"].first).to eq("name" => "count", "help" => "How many",
                                        "schema" => '{"planet":"string","limit":"integer?"}')
    expect(info["methods"].map { |method| method["name"] }).not_to include("secret")
  end

  it "answers with data" do
    expect(native.ask("human_api", "count", "Earth", 3)).to eq("result" => '["Earth",3]')
  end

  it "gives the method its caller and the time that is left" do
    expect(native.ask("human_api", "who")).to eq("result" => '"bender2"')
    expect(native.ask("human_api", "left", timeout_ms: 60_000)["result"].to_f).to be_between(1, 60)
  end

  it "gives keywords from a hash that comes last" do
    expect(native.ask("human_api", "keys", 1, { second: 2 })).to eq("result" => "[1,2]")
  end

  it "tells what the method raised as data, with places in its own code only" do
    expect(native.ask("human_api", "boom")["fault"])
      .to include("class_name" => "KeyError", "message" => "no humans",
                  "backtrace" => [a_string_matching(%r{\Aunit/host/server_spec\.rb:\d+:in})])
  end

  it "tells an error of ours that the method raised as any other" do
    expect(native.ask("human_api", "elsewhere")["fault"]["class_name"]).to eq("FlockOfChefs::DeniedError")
  end

  it "goes on when a method exits" do
    expect(native.ask("human_api", "quit")["fault"]["class_name"]).to eq("SystemExit")
    expect(native.ask("human_api", "who")).to eq("result" => '"bender2"')
  end

  it "refuses arguments that the schema does not allow, and results that are no data" do
    expect(native.ask("human_api", "count", 3)).to include("kind" => "protocol", "code" => "bad_arguments")
    expect(native.ask("human_api", "socket"))
      .to include("kind" => "protocol", "code" => "not_data", "message" => a_string_including("human_api.socket"))
  end

  it "works on as many calls at once as the API says" do
    rpc_ids = Array.new(3) { |n| native.call("human_api", "hold", n) }
    expect([seen.pop, seen.pop, seen.pop]).to contain_exactly(:made, 0, 1)
    expect(seen).to be_empty
    3.times { gate.push(true) }
    expect(Array.new(3) { native.reply_to_any.first }).to match_array(rpc_ids)
  end

  it "acknowledges a call that is only handed over, and still answers it" do
    rpc_id = native.call("human_api", "hold", receipt: true)
    expect(native.reply_to_any).to eq([rpc_id, { "accepted" => true }])
    gate.push(true)
    expect(native.reply_to_any).to eq([rpc_id, { "result" => '"held"' }])
  end

  it "does not begin what nobody waits for any more" do
    2.times { native.call("human_api", "hold") }
    waiting = native.call("human_api", "hold", "cancelled")
    native.push({ type: "cancel", rpc_id: waiting })
    expect(native.reply_to_any).to match([waiting, a_hash_including("kind" => "timeout", "code" => "cancelled")])
    late = native.call("human_api", "hold", "late", timeout_ms: 0)
    2.times { gate.push(true) }
    replies = Array.new(3) { native.reply_to_any }.to_h
    expect(replies[late]).to include("kind" => "timeout")
    expect(Array.new(seen.size) { seen.pop }).not_to include("cancelled", "late")
  end

  it "tells the agent over its stream that something changed" do
    native.ask("human_api", "told")
    expect(native.changes).to eq(["human_api"])
  end

  it "keeps its object over an exception, unless the caller wants it to end" do
    native.ask("human_api", "boom")
    native.ask("human_api", "who")
    expect(seen.size).to eq(1)
    native.ask("human_api", "boom", crash_on_error: true)
    native.ask("human_api", "who")
    expect(seen.size).to eq(2)
  end

  describe "for a caller that takes what methods yield" do
    def ask(method, *arguments) = native.call("human_api", method, *arguments, streams: true)
    def replies(count) = Array.new(count) { native.reply_to_any.last }

    it "sends each yield, arrays as they are, and then the answer" do
      ask("each_of", 1, [2, 3])
      expect(replies(3)).to eq([{ "yielded" => true, "result" => "[1]" }, { "yielded" => true, "result" => "[[2,3]]" },
                                { "result" => "[\"nil\",\"nil\"]" }])
    end

    it "holds the method while nothing is taken, and goes on when it is" do
      rpc_id = ask("large", 5)
      replies(3) # the third is the one that fills the window
      expect([seen.pop, seen.pop, seen.pop, seen.pop]).to eq([:made, 0, 1, 2])
      expect(seen).to be_empty
      native.taken(rpc_id, 200_000)
      replies(2)
      native.taken(rpc_id, 300_000)
      expect(replies(1)).to eq([{ "result" => "5" }])
    end

    it "has the method raise when nobody takes anything any more" do
      rpc_id = ask("large", 100)
      replies(3)
      native.push({ type: "cancel", rpc_id: })
      expect(replies(1).first["fault"]).to include("class_name" => "FlockOfChefs::TimeoutError")
      expect(Array.new(5) { seen.pop }.last).to eq(:over)
    end

    it "gives no block to the method of a caller that takes none" do
      expect(native.ask("human_api", "each_of", 1, streams: false)["fault"]["class_name"]).to eq("LocalJumpError")
    end
  end

  it "finishes what it has when another host takes over" do
    rpc_id = native.call("human_api", "hold")
    2.times { seen.pop } # made, held
    native.push({ type: "stop" })
    expect(running.join(0.1)).to be_nil
    gate.push(true)
    expect(native.reply_to_any.first).to eq(rpc_id)
    expect(running.join(30)).to eq(running)
  end

  it "goes on yielding to who takes it when another host takes over, and takes no further call" do
    rpc_id = native.call("human_api", "large", 4, streams: true)
    3.times { native.reply_to_any } # what fits into the window
    native.push({ type: "stop" })
    expect(native.ask("human_api", "who")).to include("kind" => "connection", "code" => "api_down")
    native.taken(rpc_id, 300_000)
    expect(native.reply_to_any.last).to include("yielded" => true)
    native.reply_to_any
    expect(running.join(30)).to eq(running)
  end

  it "ends when the agent does" do
    native.push(FlockOfChefs::ConnectionError.new("gone", code: "closed"))
    expect(running.join(30)).to eq(running)
  end
end
