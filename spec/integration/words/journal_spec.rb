# frozen_string_literal: true

require "support/chef_log"
require "support/recipe_run"

# Writes its file, then fails if it is told to.
class WordsJournalled < Chef::Resource
  provides :words_journalled
  unified_mode true
  property :file_name, String, name_property: true
  property :failing, [true, false], default: false

  action(:run) do
    file(new_resource.file_name) { content "x" }
    raise "on purpose" if new_resource.failing
  end
end

# What a run writes down of its updates: the same that make remote_notifies send.
RSpec.describe "the journal of a run" do
  include ChefLog
  include RecipeRunHelpers

  let(:data_dir) { File.join(@dir, "data") }
  let(:journal) { FlockOfChefs::Run::Journal.new(data_dir: data_dir, number: 7, run_id: "r") }

  def file = File.join(data_dir, "journal", "7.jsonl")
  def lines = File.exist?(file) ? File.readlines(file).map { |line| JSON.parse(line) } : []
  def written = lines.map { |line| line.values_at("key", "action") }

  # @return [RecipeRun]
  def journalled(**options, &) = converge(subscribers: [journal], **options, &).tap { journal.finish("succeeded") }

  def watch(*keys)
    FileUtils.mkdir_p(File.dirname(file))
    File.write(File.join(File.dirname(file), "watched"), JSON.generate(keys))
  end

  it "has a line for each update, and one for the end" do
    names = [path("a"), path("b")]
    line = __LINE__ + 2
    journalled do
      names.each { |name| file(name) { content "x" } }
    end
    entry = { "action" => "create", "recipe" => "cb::default", "line" => line, "sensitive" => false, "run_id" => "r" }
    expect(lines).to eq [{ "n" => 1, "key" => "file[#{names[0]}]", **entry },
                         { "n" => 2, "key" => "file[#{names[1]}]", **entry }, { "end" => "succeeded" }]
    expect([file, File.dirname(file)].map { |path| File.stat(path).mode & 0o777 }).to eq [0o600, 0o700]
  end

  it "does not exist if nothing was updated: up to date, guarded, :nothing" do
    target = path
    File.write(target, "x")
    journalled do
      file(target) { content "x" }
      file("#{target}2") { only_if { false } }
      file("#{target}3") { action :nothing }
    end
    expect(Dir).not_to exist(data_dir)
  end

  it "names each action that updated" do
    target = path
    journalled { file(target) { action %i[create delete] } }
    expect(written.first(2)).to eq [["file[#{target}]", "create"], ["file[#{target}]", "delete"]]
  end

  it "has nested resources and the custom resource around them" do
    target = path
    journalled { words_journalled target }
    expect(written.first(2)).to eq [["file[#{target}]", "create"], ["words_journalled[#{target}]", "run"]]
  end

  it "counts an ignored failure as Chef does, and no other failure" do
    names = [path("a"), path("b")]
    journalled do
      words_journalled(names[0]) { failing(true) && ignore_failure(true) }
      words_journalled(names[1]) { failing true }
    end
    expect(written[0..-2].map(&:first)).to eq ["file[#{names[0]}]", "words_journalled[#{names[0]}]",
                                               "file[#{names[1]}]"]
  end

  it "has one line however often the resource was retried" do
    attempts = 0
    journalled do
      ruby_block "third time lucky" do
        block { raise "not yet" if (attempts += 1) < 3 }
        retries 2
        retry_delay 0
      end
    end
    expect([attempts, written]).to eq [3, [["ruby_block[third time lucky]", "run"], [nil, nil]]]
  end

  it "has a notified resource under its own action, once for each time (trap 4: the dry pass counts for nothing)" do
    target = path
    journalled do
      ruby_block("before") { block {} && action(:nothing) }
      ruby_block("now") { block {} && action(:nothing) }
      file target do
        content "x"
        notifies :run, "ruby_block[before]", :before
        notifies :run, "ruby_block[now]", :immediately
        notifies :run, "ruby_block[now]", :delayed
      end
    end
    expect(written[0..-2].map(&:first)).to eq ["ruby_block[before]", "file[#{target}]", "ruby_block[now]",
                                               "ruby_block[now]"]
  end

  it "has nothing of a why-run, of what runs at compile time, nor of our own proxies" do
    target = path
    journalled(why_run: true) { file(target) { content "x" } }
    expect(lines).to eq []
    other = FlockOfChefs::Run::Journal.new(data_dir: data_dir, number: 7, run_id: "r")
    converge(subscribers: [other]) do
      file("#{target}2") { content("x") && compile_time(true) }
      ruby_block("notifies") { block {} && remote_notifies(:run, "execute[x]", node: "b") }
    end
    expect(written).to eq [["ruby_block[notifies]", "run"]]
  end

  it "has the real key of a sensitive resource, marked" do
    target = path
    journalled { file(target) { content("secret") && sensitive(true) } }
    expect(lines.first).to include("key" => "file[#{target}]", "sensitive" => true)
    expect(File.read(file)).not_to include "secret\""
  end

  it "keeps names in any encoding as text, and leaves out those that nobody could subscribe to" do
    journalled do
      ruby_block("caf\xE9\n".b) { block {} }
      ruby_block("x" * 5_000) { block {} }
    end
    expect(written).to eq [["ruby_block[caf?\n]", "run"], [nil, nil]]
  end

  it "points out a sensitive resource that is watched by its hash" do
    target = path
    watch(%(file["sha256:#{Digest::SHA256.hexdigest(target)[0, 16]}"]))
    run = journalled do
      file(target) { content("secret") && sensitive(true) }
      file("#{target}2") { content "x" }
    end
    expect(run.recorder.pokes.size).to eq 1
  end

  it "points out at once what is watched, and nothing else" do
    watch("ruby_block[watched]")
    run = journalled do
      ruby_block("other") { block {} }
      ruby_block("watched") { block {} }
    end
    expect(run.recorder.pokes).to eq [{ phase: "running", number: 7, run_id: "r" }]
  end

  ["[", '{"a":1}', "null"].each do |damaged|
    it "takes #{damaged} for a list of nothing" do
      watch
      File.write(File.join(File.dirname(file), "watched"), damaged)
      expect(journalled { ruby_block("x") { block {} } }.recorder.pokes).to eq []
      expect(written.size).to eq 2
    end
  end

  it "fails no resource when it cannot be written, and says so once (trap 5)" do
    File.write(data_dir, "in the way")
    log = chef_log do
      @run = journalled { 2.times { |number| ruby_block("x#{number}") { block {} } } }
    end
    expect(@run.error).to be_nil
    expect(log.scan("cannot write down what the run updates").size).to eq 1
  end
end
