# frozen_string_literal: true

require "json"
require "tmpdir"
require "flock_of_chefs/run/journal"

RSpec.describe FlockOfChefs::Run::Journal do
  subject(:journal) { described_class.new(@dir, 7, "a-run") }

  around { |example| Dir.mktmpdir { |dir| (@dir = dir) && example.run } }

  let(:path) { File.join(@dir, "journal/7.jsonl") }
  let(:change) do
    { "key" => "file[/a]", "action" => "create", "recipe" => "cb::default", "line" => 3, "sensitive" => false }
  end

  def lines = File.readlines(path).map { |line| JSON.parse(line) }

  it "has a line for each update and one for the end" do
    journal.add(change)
    journal.add(change.merge("key" => "file[/b]"))
    journal.finish("failed")
    expect(lines).to eq [{ "n" => 1, **change, "run_id" => "a-run" },
                         { "n" => 2, **change, "key" => "file[/b]", "run_id" => "a-run" }, { "end" => "failed" }]
  end

  it "is for its owner only" do
    journal.add(change)
    expect([File.stat(path), File.stat(File.dirname(path))].map { |stat| stat.mode & 0o777 }).to eq [0o600, 0o700]
  end

  it "leaves nothing of a run that changes nothing" do
    journal.finish("succeeded")
    expect(Dir.children(@dir)).to eq []
  end

  it "can be read while the run goes on" do
    journal.add(change)
    expect(lines.size).to eq 1
  end

  describe "who waits" do
    def watch(text) = FileUtils.mkdir_p(File.dirname(path)) && File.write(File.join(@dir, "journal/watched"), text)

    it "is known by the agent's list" do
      watch('["file[/a]"]')
      expect(journal).to be_awaited(change)
      expect(journal).not_to be_awaited(change.merge("key" => "file[/b]"))
    end

    it "is nobody while there is no list, or none that can be read" do
      expect(journal).not_to be_awaited(change)
      watch("[")
      expect(described_class.new(@dir, 8, "x")).not_to be_awaited(change)
    end
  end
end
