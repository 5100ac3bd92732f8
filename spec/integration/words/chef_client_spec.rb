# frozen_string_literal: true

require "support/chef_process"

RSpec.describe "remote_notifies in chef-client" do
  describe "a run that succeeds" do
    include_context "with chef"

    before(:context) do
      @chef.write("cookbooks/cb/resources/nest.rb", <<~RUBY)
        provides :cb_nest
        unified_mode true
        action :run do
          file(::File.join(ENV["WORDS_DIR"], "nested")) { content "x" and remote_notifies :restart, "service[later]", :delayed, node: "b" }
        end
      RUBY
      @chef.recipe(<<~RUBY, "other")
        file(::File.join(ENV["WORDS_DIR"], "included")) do
          content "x"
          remote_notifies :restart, "service[later]", :delayed, node: "b"
        end
      RUBY
      @chef.recipe(<<~RUBY)
        include_recipe "cb::other"
        cb_nest "outer"
        file ::File.join(ENV["WORDS_DIR"], "fubar") do
          content "foobar"
          remote_notifies :run, "execute[kill all humans]", node: "bender1"
        end
      RUBY
      @result = @chef.client("-o", "recipe[cb]")
    end

    it "sends from included recipes and nested resources, delayed ones once and last" do
      expect(@result.status).to eq(0), @result.output
      expect(chef.sent).to eq [["execute[kill all humans]", "run", "immediately"],
                               ["service[later]", "restart", "delayed"]]
      expect(chef.drafts.last["sources"].map { |source| [File.basename(source["key"]), source["recipe"]] })
        .to eq [["included]", "cb::other"], ["nested]", "cb::default"]]
    end

    it "names the run in drafts and in run.json" do
      ids = chef.drafts.flat_map { |draft| draft["sources"] }.map { |source| source["run_id"] }.uniq
      expect(ids).to eq [chef.run_json["run_id"]]
      expect(chef.run_json).to include("number" => 1, "phase" => "succeeded")
      expect(chef.run_json["ended_ms"]).to be >= chef.run_json["started_ms"]
    end

    it "tells the agent that it runs, saves one snapshot, and tells the agent again" do
      expect(chef.snapshots).to eq [{ "node" => "bender0", "success" => true, "recipes" => ["cb"], "number" => 1,
                                      "data_dir" => chef.path("data"), "run_id" => chef.run_json["run_id"] }]
      expect(chef.calls.map { |call| call["op"] }).to eq %w[run_changed run_changed]
      expect(chef.calls.map { |call| call["payload"] })
        .to match [include("number" => 1, "phase" => "running"),
                   include("number" => 1, "phase" => "succeeded", "generation" => 1)]
    end

    it "is shown in Chef's output, but not counted as a change of this node" do
      expect(@result.output).to include "* flock_notification[run execute[kill all humans] on bender1] action send",
                                        "- hand over to the flock"
      expect(@result.output).to include(" 4/6 resources updated")
    end
  end

  describe "a run that fails" do
    include_context "with chef"

    before(:context) do
      @chef.recipe(<<~RUBY)
        file ::File.join(ENV["WORDS_DIR"], "fubar") do
          content "x"
          remote_notifies :run, "execute[x]", :delayed, node: "b"
        end
        ruby_block("fail") { block { raise "on purpose" } }
      RUBY
      @result = @chef.client("-o", "recipe[cb]")
    end

    it "still sends delayed notifications" do
      expect(@result.output).to include "on purpose"
      expect(chef.sent).to eq [["execute[x]", "run", "delayed"]]
    end

    it "saves no snapshot and says that it failed" do
      expect(chef.snapshots).to be_empty
      expect(chef.run_json).to include("number" => 1, "phase" => "failed")
      expect(chef.calls.last["payload"]).to include("phase" => "failed")
      expect(chef.calls.last["payload"]).not_to have_key("generation")
    end
  end

  describe "a run that fails before it has a node" do
    include_context "with chef"

    it "says that it failed" do
      result = chef.client("-o", "recipe[absent]")
      expect(result.status).not_to eq 0
      expect(chef.run_json).to include("phase" => "failed")
    end
  end

  describe "a mistake in a recipe" do
    include_context "with chef"

    it "stops the run with the recipe's line" do
      chef.recipe(%(log "one"\nfile("/nowhere") do\n  remote_notifies :run, "execute", node: "b"\nend\n))
      result = chef.client("-o", "recipe[cb]")
      expect(result.status).not_to eq 0
      expect(result.output).to include("FlockOfChefs::ConfigurationError")
      expect(result.output)
        .to include(%(cb/recipes/default.rb:3: remote_notifies of file[/nowhere]: "execute" is not a resource))
    end
  end

  describe "a run that :reboot_now ends early (trap 2: Chef drops delayed notifications)" do
    include_context "with chef"

    before(:context) do
      # What the reboot resource does for :reboot_now, without the reboot.
      @chef.recipe(<<~RUBY)
        2.times do |number|
          file ::File.join(ENV["WORDS_DIR"], "fubar\#{number}") do
            content "x"
            remote_notifies :run, "execute[x]", :delayed, node: "b"
            remote_notifies :run, "execute[sent already]", node: "b"
          end
        end
        ruby_block("reboot") { block { throw :end_client_run_early } }
        file(::File.join(ENV["WORDS_DIR"], "never")) { content "x" }
      RUBY
      @result = @chef.client("-o", "recipe[cb]")
    end

    it "sends them once, with all sources, when the run ends" do
      expect(@result.status).to eq(0), @result.output
      expect(File).not_to exist(chef.path("never"))
      expect(chef.sent).to eq ([["execute[sent already]", "run",
                                 "immediately"]] * 2) + [["execute[x]", "run", "delayed"]]
      expect(chef.drafts.last["sources"].size).to eq 2
      expect(chef.run_json).to include("phase" => "succeeded")
    end
  end

  describe "why-run (trap 4)" do
    include_context "with chef"

    before(:context) do
      @chef.recipe(<<~RUBY)
        file ::File.join(ENV["WORDS_DIR"], "fubar") do
          content "x"
          remote_notifies :run, "execute[x]", :before, node: "b"
          remote_notifies :run, "execute[x]", node: "b"
          remote_notifies :run, "execute[x]", :delayed, node: "b"
        end
      RUBY
      @result = @chef.client("-o", "recipe[cb]", "-W")
    end

    it "sends nothing, publishes nothing, and tells what it would do" do
      expect(@result.status).to eq(0), @result.output
      expect(@result.output.scan("- Would hand over to the flock").size).to eq 3
      expect(Dir.children(chef.dir) & %w[data drafts calls snapshots]).to be_empty
    end
  end

  describe "several runs" do
    include_context "with chef"

    it "numbers them, and sends nothing when nothing is updated" do
      chef.recipe(%(file(__FILE__) { remote_notifies :run, "execute[x]", :delayed, node: "b" }))
      2.times { chef.client("-o", "recipe[cb]") }
      expect(chef.snapshots.map { |snapshot| snapshot["number"] }).to eq [1, 2]
      expect(chef.drafts).to be_empty
    end
  end

  describe "interval runs, which read client.rb again and again" do
    include_context "with chef"

    it "are each followed by one subscriber" do
      chef.recipe(<<~RUBY)
        ruby_block("change") { block {} and remote_notifies :run, "execute[x]", :delayed, node: "b" }
      RUBY
      chef.daemon("-o", "recipe[cb]", "-i", "1", "-s", "0") { chef.wait_for { chef.snapshots.size >= 2 } }
      expect(chef.snapshots.first(2).map { |snapshot| snapshot["number"] }).to eq [1, 2]
      expect(chef.sent.first(2)).to eq [["execute[x]", "run", "delayed"]] * 2
    end
  end

  describe "query: in local mode" do
    include_context "with chef"

    it "finds the nodes of the repository" do
      %w[web1 web2 db1].each do |name|
        chef.write("nodes/#{name}.json", JSON.generate(name: name, automatic: { fqdn: "#{name}.#{name[0, 2]}" }))
      end
      chef.recipe(<<~RUBY)
        file ::File.join(ENV["WORDS_DIR"], "fubar") do
          content "x"
          remote_notifies :run, "execute[x]", query: "fqdn:*.we"
        end
      RUBY
      result = chef.client("-o", "recipe[cb]")
      expect(result.status).to eq(0), result.output
      expect(chef.drafts.first["targets"]["nodes"]).to eq %w[web1 web2]
    end
  end

  describe "brought by a cookbook's library only" do
    include_context "with chef"

    it "publishes, sends and saves all the same" do
      chef.write("cookbooks/cb/libraries/flock.rb", %(require "flock_of_chefs/chef"\n))
      chef.recipe(<<~RUBY)
        file ::File.join(ENV["WORDS_DIR"], "fubar") do
          content "x"
          remote_notifies :run, "execute[x]", :delayed, node: "b"
        end
      RUBY
      chef.write("client.rb", File.read(chef.path("client.rb")).sub(%r{^require "flock_of_chefs/chef".*$}, ""))
      result = chef.client("-o", "recipe[cb]")
      expect(result.status).to eq(0), result.output
      expect(chef.sent).to eq [["execute[x]", "run", "delayed"]]
      expect(chef.snapshots.map { |snapshot| snapshot["recipes"] }).to eq [["cb"]]
      expect(chef.run_json).to include("number" => 1, "phase" => "succeeded")
    end
  end

  describe "legacy chef-solo" do
    include_context "with chef"

    it "sends, and refuses query: in time" do
      chef.recipe(<<~RUBY)
        file ::File.join(ENV["WORDS_DIR"], "fubar") do
          content "x"
          remote_notifies :run, "execute[x]", node: "b"
        end
      RUBY
      result = chef.run("chef-solo", "--legacy-mode", "-c", chef.path("client.rb"), "-o", "recipe[cb]")
      expect(result.status).to eq(0), result.output
      expect(chef.sent).to eq [["execute[x]", "run", "immediately"]]
      chef.recipe(%(file("/nowhere") { remote_notifies :run, "execute[x]", query: "role:web" }\n))
      result = chef.run("chef-solo", "--legacy-mode", "-c", chef.path("client.rb"), "-o", "recipe[cb]")
      expect(result.output).to include("query: needs a Chef server or local mode")
    end
  end
end
