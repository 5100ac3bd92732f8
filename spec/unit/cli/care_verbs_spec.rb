# frozen_string_literal: true

require "flock_of_chefs/cli"
require "support/fake_local_client"

RSpec.describe FlockOfChefs::CLI::Verbs do
  let(:talk) { [] }
  let(:native) { class_double(FlockOfChefs::Native) }
  let(:no_agent) { FlockOfChefs::ConnectionError.new("no agent answers", code: "no_agent") }

  def verb(name, **more) = described_class.const_get(name).new(talk: talk.method(:push), native:, **more)
  def json(hash) = JSON.generate(hash)

  describe "leave" do
    let(:report) { { "name" => "b1", "flock_id" => "f", "told" => true, "problem" => "" } }
    let(:client) { FakeLocalClient.new({ "leave" => report }, config: { "name" => "b1" }) }

    def asked(answer, tty: true) = instance_double(IO, tty?: tty, gets: answer)

    it "asks a person and takes no for an answer" do
      [nil, "\n", "n\n", "nay\n"].each do |answer|
        expect { verb(:Leave, input: asked(answer)).call(client) }
          .to raise_error(FlockOfChefs::ConfigurationError, "nothing was done")
      end
      expect([client.calls, talk.uniq.size, talk.first]).to match([[], 1, /b1 leaves its flock for good/])
    end

    it "goes on a yes, and without asking on --yes" do
      verb(:Leave, input: asked("yes\n")).call(client)
      verb(:Leave, input: asked(nil, tty: false)).call(client, yes: true, force: true)
      expect(client.calls.map { |call| call[1] }).to eq([{ force: false }, { force: true }])
    end

    it "does not guess where nobody can answer" do
      expect { verb(:Leave, input: asked(nil, tty: false)).call(client) }
        .to raise_error(FlockOfChefs::ConfigurationError, /add --yes/)
    end

    it "does the local part without an agent and says what remains" do
      alone = FakeLocalClient.new({ "leave" => no_agent }, config: { "name" => "b1" })
      allow(native).to receive(:leave).and_return(json(report.merge("told" => false, "problem" => "no agent")))
      verb(:Leave).call(alone, yes: true, config: "/x.toml")
      expect(native).to have_received(:leave).with(json(config: "/x.toml", force: false))
      expect(talk.last).to include("No hub was told (no agent): run on one `flockctl node remove b1`")
    end

    it "does not take a busy agent for none" do
      away = FlockOfChefs::ConnectionError.new("the socket is not yours", code: "socket_forbidden")
      busy = FakeLocalClient.new({ "leave" => away }, config: { "name" => "b1" })
      expect { verb(:Leave).call(busy, yes: true) }.to raise_error(FlockOfChefs::ConnectionError)
    end
  end

  describe "backup" do
    let(:report) { { "path" => "/b.tar", "bytes" => 9, "files" => 5, "name" => "b1" } }

    it "goes through the agent, with a whole path" do
      client = FakeLocalClient.new({ "backup" => report })
      result = verb(:Backup).call(client, file: "b.tar")
      expect(client.calls.first).to match(["backup", { path: File.expand_path("b.tar") }, a_value > 60_000])
      expect([result.text, talk]).to match(["/b.tar: 9 bytes, 5 files of b1", [/private keys/]])
    end

    it "is taken directly without an agent" do
      allow(native).to receive(:back_up).and_return(json(report))
      verb(:Backup).call(FakeLocalClient.new({ "backup" => no_agent }), file: "/b.tar")
      expect(native).to have_received(:back_up).with(json(file: "/b.tar"))
    end
  end

  describe "restore" do
    let(:report) do
      { "name" => "b1", "hub" => true, "created_ms" => 1000, "put_aside" => "/data/replaced-1", "unknown" => 2,
        "asked_again" => 1, "denied" => %w[gone], "rebound" => true }
    end

    it "passes its options on and tells what the operator has to know" do
      allow(native).to receive(:restore).and_return(json(report))
      result = verb(:Restore).call(nil, file: "/b.tar", replace: true, removed: %w[gone])
      expect(native).to have_received(:restore).with(json(file: "/b.tar", replace: true, removed: %w[gone]))
      expect(result.text).to eq("b1 is as it was at 1970-01-01T00:00:01Z")
      expect(talk.join).to include("2 notifications", "/data/replaced-1", "never start the old", "removed: gone",
                                   "tokens")
    end

    it "is short for a member that moved nowhere" do
      allow(native).to receive(:restore)
        .and_return(json(report.merge("hub" => false, "put_aside" => "", "rebound" => false)))
      verb(:Restore).call(nil, file: "/b.tar")
      expect(talk.size).to eq(2)
    end
  end
end
