# frozen_string_literal: true

require "json"
require "tmpdir"
require "flock_of_chefs/worker/channel"
require "flock_of_chefs/worker/compile"
require "flock_of_chefs/worker/job"
require "flock_of_chefs/worker/outcome"
require "flock_of_chefs/worker/result"

RSpec.describe FlockOfChefs::Worker do
  let(:folder) { Dir.mktmpdir("flock-worker") }
  let(:fields) do
    { "job" => "j1", "key" => "execute[x]", "action" => "run", "generation" => 3, "snapshot_dir" => folder,
      "result" => File.join(folder, "j1.json"), "started" => File.join(folder, "j1.started"),
      "current" => File.join(folder, "current"), "chain" => [{ "node" => "a" }], "cause_root" => "r" }
  end
  let(:job) { FlockOfChefs::Worker::Job.new(fields) }

  after { FileUtils.rm_rf(folder) }

  describe described_class::Job do
    it "names what a job lacks" do
      expect do
        described_class.new(fields.except("key", "result"))
      end.to raise_error(described_class::Invalid, /lacks key, result/)
    end

    it "says which file cannot be read" do
      File.write(File.join(folder, "bad.json"), "{")
      expect do
        described_class.read(File.join(folder, "bad.json"))
      end.to raise_error(described_class::Invalid, /bad\.json/)
      expect { described_class.read("/nonexistent") }.to raise_error(described_class::Invalid, %r{/nonexistent})
    end

    it "is current while its generation is" do
      expect(job).not_to be_current
      File.write(job.current, "3\n")
      expect(job).to be_current
      File.write(job.current, "4")
      expect(job).not_to be_current
    end

    it "hands its chain on" do
      expect(job.cause).to eq(chain: [{ "node" => "a" }], cause_root: "r")
    end
  end

  describe described_class::Channel do
    it "hears go, and nothing else" do
      heard = ["go\n", "", "go", "stop\n", "#{"x" * 100}\n"].map do |said|
        IO.pipe do |reader, writer|
          writer.write(said)
          writer.close
          described_class.new(reader).go?
        end
      end
      expect(heard).to eq([true, false, false, false, false])
    end

    it "leaves nothing to read on the input that it took" do
      IO.pipe do |reader, writer|
        channel = described_class.take(reader)
        writer.write("go\n")
        writer.close
        expect([reader.read, channel.go?]).to eq(["", true])
      end
    end
  end

  describe described_class::Drafts do
    it "collects up to a limit, beyond which the resource that sends fails" do
      stub_const("#{described_class}::LIMIT", 2)
      drafts = described_class.new
      drafts << { "id" => "1" } << { id: "2" }
      expect { drafts << { "id" => "3" } }.to raise_error(FlockOfChefs::RejectedError)
      expect(drafts.to_a).to eq([{ "id" => "1" }, { "id" => "2" }])
    end

    it "refuses what could not be written into a result" do
      drafts = described_class.new
      expect { drafts << { "id" => "\xFF" } }.to raise_error(JSON::GeneratorError)
      expect(drafts.to_a).to be_empty
    end

    it "forgets what was sent while compiling" do
      drafts = described_class.new
      drafts << { "id" => "1" }
      drafts.clear
      expect(drafts.to_a).to be_empty
    end
  end

  describe described_class::Result do
    it "writes every field that the agent reads" do
      described_class.write(job, FlockOfChefs::Worker::Outcome.busy)
      expect(JSON.parse(File.read(job.result))).to eq(
        "job" => "j1", "status" => "busy", "code" => "", "message" => "", "updated" => false, "resources_updated" => 0,
        "run_ms" => 0, "drafts" => [], "changes" => [], "pid" => Process.pid
      )
      expect(File.stat(job.result).mode & 0o777).to eq(0o600)
    end
  end

  describe described_class::Outcome do
    it "tells a remote effect at compile time from other errors" do
      effect = FlockOfChefs::Error.new("a call in a recipe", code: "compile_effect")
      expect(described_class.uncompiled(effect)).to have_attributes(status: "failed", code: "compile_effect")
      expect(described_class.uncompiled(SyntaxError.new("x"))).to have_attributes(status: "failed",
                                                                                  code: "compile_failed")
    end
  end

  describe described_class::Compile do
    it "compiles nothing of a generation that is not current" do
      expect(described_class.attempt(job)).to have_attributes(run_context: nil, error: nil)
    end

    it "trap 9: compiles one generation per process" do
      File.write(job.current, "3")
      described_class.instance_variable_set(:@generation, 2)
      expect { described_class.attempt(job) }.to output(/one process compiles one generation/).to_stderr
    ensure
      described_class.instance_variable_set(:@generation, nil)
    end
  end
end
