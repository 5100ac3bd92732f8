# frozen_string_literal: true

require "support/chef_log"
require "support/recipe_run"

RSpec.describe "remote_notifies: failure" do
  include ChefLog
  include RecipeRunHelpers

  let(:full) { FlockOfChefs::InternalError.new("it can be kept nowhere: No space left on device") }

  it "fails the resource's notification, naming who promised it, if it can be kept nowhere" do
    target = path
    run = converge(failure: full) do
      file target do
        content "x"
        remote_notifies :run, "execute[x]", node: "b"
      end
    end
    expect(run.error).to be_a(FlockOfChefs::InternalError)
    expect(run.error.message).to include "flock_notification[run execute[x] on b] (cb::default line",
                                         "promised by file[#{target}]", "No space left on device"
  end

  %i[immediately delayed before].each do |timing|
    it "honours ignore_failure of the notifying resource (#{timing})" do
      target = path
      log = chef_log do
        @run = converge(failure: full) do
          file target do
            content "x"
            ignore_failure true
            remote_notifies :run, "execute[x]", timing, node: "b"
          end
        end
      end
      expect(@run.error).to be_nil
      expect(File).to exist(target)
      expect(log).to include "No space left on device; ignore_failure is set, continuing"
    end
  end

  it "fails a delayed notification if one of its sources does not ignore failures" do
    targets = [path("a"), path("b")]
    run = converge(failure: full) do
      targets.each_with_index do |target, index|
        file target do
          content "x"
          ignore_failure index.zero?
          remote_notifies :run, "execute[x]", :delayed, node: "b"
        end
      end
    end
    expect(run.error.message).to include "No space left on device"
  end

  it "turns a broken library into an error that ignore_failure covers" do
    target = path
    run = converge(failure: LoadError.new("cannot load native.so")) do
      file target do
        content "x"
        ignore_failure true
        remote_notifies :run, "execute[x]", node: "b"
      end
    end
    expect(run.error).to be_nil
  end

  it "stops the compile at a mistake, with the recipe's file and line" do
    line = __LINE__ + 3
    run = converge do
      file "/nowhere/fubar" do
        remote_notifies :run, "execute[x]", nodes: "b"
      end
    end
    expect(run.error).to be_a(FlockOfChefs::ConfigurationError)
    expect(run.error.message).to eq "#{__FILE__}:#{line}: remote_notifies of file[/nowhere/fubar]: " \
                                    "unknown option nodes:; did you mean node:?"
  end

  it "sends, with what sources it knows, if noting them fails (trap 5: a handler's exception fails the resource)" do
    target = path
    allow(FlockOfChefs::Recipe::Registry).to receive(:new).and_wrap_original do |original, root|
      original.call(root).tap { |made| allow(made).to receive(:updated).and_raise(NotImplementedError, "a fault") }
    end
    log = chef_log do
      @run = converge do
        file target do
          content "x"
          2.times { remote_notifies :run, "execute[x]", :delayed, node: "b" }
        end
        ruby_block("another") { block {} }
      end
    end
    expect(@run.error).to be_nil
    expect(@run.sent).to eq [["execute[x]", "run", "delayed"]]
    expect(log.scan("cannot note the causes of a remote notification").size).to eq 1
  end

  describe "query:" do
    let(:search) { instance_double(Chef::Search::Query) }

    before { allow(Chef::Search::Query).to receive(:new).and_return(search) }

    def answer(*names, total: names.size)
      allow(search).to receive(:search).and_return([names.map { |name| { "name" => name } }, 0, total])
    end

    def run_with(why_run: false, **options)
      target = path
      converge(why_run: why_run) do
        file target do
          content "x"
          remote_notifies :run, "execute[x]", **options
        end
      end
    end

    it "asks when the notification is sent, and for names only" do
      answer("b", "a")
      expect(run_with(query: "role:web").drafts.first["targets"]["nodes"]).to eq %w[a b]
      expect(search).to have_received(:search).with(:node, "role:web",
                                                    { filter_result: { name: ["name"] }, rows: 1000 }).once
    end

    it "is joined with node: and the others by AND" do
      answer("a", "b", "c")
      expect(run_with(query: "role:web", node: %w[b z], tags: "t").drafts.first["targets"])
        .to include("nodes" => ["b"], "tags" => ["t"])
    end

    it "sends nothing, and says so, if nobody matches: an empty list would mean everybody" do
      answer
      log = chef_log { expect(run_with(query: "role:none", tags: "t").drafts).to be_empty }
      expect(log).to include "ERROR: flock_of_chefs: run execute[x] on query:role:none tags:t: no node matches; " \
                             "nothing is sent"
      log = chef_log { expect(run_with(query: "role:none", when_none: :warn).drafts).to be_empty }
      expect(log).not_to include "ERROR"
    end

    it "refuses more nodes than one notification may have" do
      answer("a", total: 1001)
      expect(run_with(query: "*:*").error.message).to include "query: '*:*' finds 1001 nodes; at most 1000 are possible"
    end

    it "fails as a search in a recipe does, with the search's own error" do
      allow(search).to receive(:search).and_raise(Errno::ECONNREFUSED, "the server")
      expect(run_with(query: "*:*").error).to be_a(Errno::ECONNREFUSED)
    end

    it "is not asked in a why-run or by a resource that is up to date" do
      answer("a")
      expect(run_with(why_run: true, query: "*:*").error).to be_nil
      File.write(path, "x")
      run_with(query: "*:*")
      expect(search).not_to have_received(:search)
    end
  end
end
