# frozen_string_literal: true

require "tmpdir"
require "flock_of_chefs/run/status"

RSpec.describe FlockOfChefs::Run::Status do
  around { |example| Dir.mktmpdir { |dir| (@dir = File.join(dir, "data")) && example.run } }

  def status = described_class.new(@dir, now_ms: -> { 1_700_000_000_000 })
  def file = JSON.parse(File.read(File.join(@dir, "run.json")))

  def write(name, content)
    FileUtils.mkdir_p(File.dirname(File.join(@dir, name)))
    File.write(File.join(@dir, name), content)
  end

  it "says that a run is going on, and by which process" do
    expect(status.start("an-id")).to eq 1
    start = File.read("/proc/self/stat").split(") ").last.split[19].to_i
    expect(file).to eq("number" => 1, "run_id" => "an-id", "phase" => "running", "pid" => Process.pid,
                       "pid_start" => start, "started_ms" => 1_700_000_000_000, "ended_ms" => nil)
  end

  it "says how it ended" do
    current = status
    current.start("an-id")
    current.finish("failed")
    expect(file).to include("number" => 1, "phase" => "failed", "started_ms" => 1_700_000_000_000,
                            "ended_ms" => 1_700_000_000_000)
  end

  it "says that the machine restarts after it, and in which boot that was" do
    current = status
    current.start("an-id")
    current.finish("succeeded", reboot: true)
    expect(file).to include("reboot" => true, "boot_id" => File.read("/proc/sys/kernel/random/boot_id").strip)
    current.start("another")
    expect(file).not_to include("reboot")
  end

  it "numbers the runs" do
    expect(Array.new(3) { status.start("x") }).to eq [1, 2, 3]
  end

  it "never goes below a saved generation, even if run.json is lost or broken" do
    write("snapshots/current", "41\n")
    expect(status.start("x")).to eq 42
    write("run.json", "")
    expect(status.start("x")).to eq 42
    write("run.json", '{"number":"many"}')
    expect(status.start("x")).to eq 42
    write("snapshots/current", "garbage")
    expect(status.start("x")).to eq 43
  end

  it "never goes below a journal, whose name would be taken" do
    write("journal/9.jsonl", "")
    write("journal/10.jsonl", "")
    write("journal/watched", "[]")
    expect(status.start("x")).to eq 11
  end

  it "keeps the file to its owner and leaves no temporary one" do
    status.start("x")
    modes = [@dir, File.join(@dir, "run.json")].map { |path| File.stat(path).mode & 0o777 }
    expect(modes).to eq [0o700, 0o600]
    expect(Dir.children(@dir)).to eq ["run.json"]
  end

  it "raises if it cannot be written" do
    write("in_the_way", "")
    expect { described_class.new(File.join(@dir, "in_the_way")).start("x") }.to raise_error(SystemCallError)
  end
end
