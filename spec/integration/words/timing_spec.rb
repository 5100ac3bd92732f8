# frozen_string_literal: true

require "support/recipe_run"

RSpec.describe "remote_notifies: when" do
  include RecipeRunHelpers

  def execute_targets(run) = run.drafts.map { |draft| draft["targets"]["nodes"] }

  it "sends at once by default, with the action of the target's resource" do
    target = path
    run = converge do
      file target do
        content "foobar"
        action :create
        remote_notifies :run, "execute[kill all humans]", node: "bender1" # the seeds' own example
      end
    end
    expect(run.error).to be_nil
    expect(run.sent).to eq [["execute[kill all humans]", "run", "immediately"]]
    expect(run.drafts.first).to include("id" => "id-0", "ttl_ms" => 604_800_000, "retry" => 0, "chain" => [],
                                        "cause_root" => "")
    expect(run.drafts.first["targets"]).to include("nodes" => ["bender1"], "roles" => [], "match" => "all",
                                                   "when_none" => "undeliverable")
  end

  it "names the source, with its action, recipe, line and run" do
    target = path
    line = __LINE__ + 2
    run = converge do
      file target do
        content "x"
        remote_notifies :run, "execute[x]", node: "b"
      end
    end
    expect(run.drafts.first["sources"]).to eq [
      { "key" => "file[#{target}]", "action" => "create", "recipe" => "cb::default", "line" => line,
        "run_id" => Chef::RequestID.instance.request_id }
    ]
  end

  it "takes the old hash style and an explicit Hash" do
    target = path
    run = converge do
      file target do
        content "x"
        remote_notifies :run, "execute[a]", :node => "b" # rubocop:disable Style/HashSyntax
        remote_notifies :run, "execute[b]", { "node" => "b" }
        remote_notifies :run, "execute[c]", :delayed, { node: "b" }
      end
    end
    expect(run.sent).to eq [["execute[a]", "run", "immediately"], ["execute[b]", "run", "immediately"],
                            ["execute[c]", "run", "delayed"]]
  end

  it "sends before, immediately and delayed at their moments (trap 4: the dry pass before sends nothing more)" do
    order = []
    target = path
    witness = Class.new(Chef::EventDispatch::Base) do
      define_method(:resource_update_applied) { |resource, _action, _update| order << [resource.resource_name, Chef::Config[:why_run]] }
    end
    run = converge(subscribers: [witness.new]) do
      file target do
        content "x"
        remote_notifies :stop, "service[app]", :before, node: "b"
        remote_notifies :start, "service[app]", :delayed, node: "b"
        remote_notifies :reload, "service[app]", node: "b"
      end
      ruby_block("last") { block {} }
    end
    expect(run.sent).to eq [["service[app]", "stop", "before"], ["service[app]", "reload", "immediately"],
                            ["service[app]", "start", "delayed"]]
    expect(order.map(&:first).chunk_while { |a, b| a == b }.map(&:first))
      .to eq %i[file flock_notification file flock_notification ruby_block flock_notification]
    expect((0..2).map { |index| run.sources(index) }).to all(eq(["file[#{target}]"]))
  end

  it "sends nothing before if the resource would not be updated" do
    target = path
    File.write(target, "x")
    run = converge do
      file target do
        content "x"
        remote_notifies :stop, "service[app]", :before, node: "b"
      end
    end
    expect(run.drafts).to be_empty
  end

  it "sends one delayed notification for many sources, and names them all" do
    names = [path("a"), path("b"), path("c")]
    run = converge do
      names.each do |name|
        file name do
          content "x"
          remote_notifies :restart, "service[app]", :delayed, node: %w[n1 n2]
        end
      end
    end
    expect(run.sent).to eq [["service[app]", "restart", "delayed"]]
    expect(run.sources).to eq(names.map { |name| "file[#{name}]" })
  end

  it "keeps requests with other targets or options apart" do
    target = path
    run = converge do
      file target do
        content "x"
        remote_notifies :restart, "service[app]", :delayed, node: "a"
        remote_notifies :restart, "service[app]", :delayed, node: "b"
        remote_notifies :restart, "service[app]", :delayed, node: "b", retry: 1
        remote_notifies :restart, "service[app]", :delayed, node: "b"
      end
    end
    expect(run.drafts.map do |draft|
      [draft["targets"]["nodes"], draft["retry"]]
    end).to eq [[["a"], 0], [["b"], 0], [["b"], 1]]
  end

  it "sends every immediate one: Chef de-duplicates delayed ones only" do
    target = path
    run = converge do
      file target do
        content "x"
        remote_notifies :restart, "service[app]", node: "b"
        remote_notifies :restart, "service[app]", node: "b"
        remote_notifies :restart, "service[app]", :delayed, node: "b"
      end
    end
    expect(run.sent.map(&:last)).to eq %w[immediately immediately delayed]
  end

  it "still sends delayed ones if the run fails later" do
    target = path
    run = converge do
      file target do
        content "x"
        remote_notifies :run, "execute[x]", :delayed, node: "b"
      end
      ruby_block("fail") { block { raise "on purpose" } }
    end
    expect(run.error.message).to include "on purpose"
    expect(run.sent).to eq [["execute[x]", "run", "delayed"]]
  end

  it "sends a delayed one although the resource, declared earlier, is edited after it ran" do
    target = path
    run = converge do
      declare_resource(:edited_later, "outer") { file_name target }
    end
    expect(run.error).to be_nil
    expect(run.sent).to eq [["execute[x]", "run", "delayed"]]
    expect(run.sources).to eq ["file[#{target}]"]
  end
end

# A custom resource in unified mode that adds a notification to a resource that has run.
class EditedLater < Chef::Resource
  provides :edited_later
  unified_mode true
  property :file_name, String

  action :run do
    file(new_resource.file_name) { content "x" }
    edit_resource(:file, new_resource.file_name) do
      remote_notifies :run, "execute[x]", :delayed, node: "b"
    end
  end
end
