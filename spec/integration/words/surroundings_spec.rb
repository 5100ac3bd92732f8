# frozen_string_literal: true

require "support/chef_process"

RSpec.describe "remote_notifies in other surroundings" do
  include_context "with chef"

  it "is silent in chef-apply, but for one line (traps 12 and 10.15)" do
    chef.write("apply.rb", <<~RUBY)
      #{File.read(chef.path("client.rb")).lines.last(7).join}
      2.times do |number|
        file ::File.join(ENV["WORDS_DIR"], "fubar\#{number}") do
          content "x"
          remote_notifies :run, "execute[x]", node: "b"
          remote_notifies :run, "execute[x]", :delayed, node: "b"
        end
      end
    RUBY
    result = chef.run("chef-apply", chef.path("apply.rb"), "-l", "warn")
    expect(result.status).to eq(0), result.output
    expect(File).to exist(chef.path("fubar1"))
    expect(chef.drafts).to be_empty
    line = "remote notifications are not sent: this is no run of chef-client but of chef-apply"
    expect(result.output.scan(line).size).to eq 1
    expect(result.output).not_to include "hand over"
  end

  it "loads in ChefSpec, sends nothing there even when stepping in, and can be asserted (trap 12)" do
    chef.write("cookbooks/cb/resources/changed.rb", <<~RUBY)
      provides :cb_changed
      unified_mode true
      action(:run) { converge_by("change") {} }
    RUBY
    chef.recipe(<<~RUBY)
      cb_changed "it" do
        remote_notifies :run, "execute[kill all humans]", node: "bender1"
        remote_notifies :run, "execute[later]", :delayed, node: "bender1"
      end
    RUBY
    chef.write("cookbooks/cb/spec/cb_spec.rb", <<~RUBY)
      require "chefspec"
      #{File.read(chef.path("client.rb")).lines.last(7).join}
      RSpec.describe "cb::default" do
        it "notifies" do
          run = ChefSpec::SoloRunner.new(platform: "debian", version: "12", step_into: %w{cb_changed flock_notification}).converge("cb")
          it = run.find_resource(:cb_changed, "it")
          expect(it).to be_updated
          expect(it).to notify("flock_notification[run execute[kill all humans] on bender1]").to(:send).immediately
          expect(it).to notify("flock_notification[run execute[later] on bender1]").to(:send).delayed
        end
      end
    RUBY
    result = chef.ruby("-W0", "-I", File.join(ChefProcess::SUPPORT, "chefspec_shim"),
                       Gem.bin_path("rspec-core", "rspec"), "--no-color", chef.path("cookbooks/cb/spec/cb_spec.rb"))
    expect(result.output).to include("1 example, 0 failures"), result.output
    expect(result.output).not_to include("flock_of_chefs:"), result.output
    expect(Dir.children(chef.dir) & %w[data drafts calls snapshots]).to be_empty
  end

  it "maps no native code and starts nothing when it is required" do
    script = <<~RUBY
      require "chef"
      threads = Thread.list.size
      require "flock_of_chefs/chef"
      FlockOfChefs::Run::Handoff.redirect([])
      abort "native loader was run" unless FlockOfChefs.autoload?(:Native)
      abort "mapped" if File.read("/proc/self/maps").include?("#{ChefProcess::LIB}")
      abort "threads" unless Thread.list.size == threads
      abort "loaded the snapshot" unless FlockOfChefs::Run.autoload?(:Snapshot)
    RUBY
    result = chef.ruby("-W0", "-I", ChefProcess::LIB, "-e", script)
    expect(result.status).to eq(0), result.output
  end

  it "can be required by every reading of client.rb: one subscriber, one module" do
    script = <<~RUBY
      require "chef"
      3.times { load "flock_of_chefs/chef.rb" }
      puts Chef::Config[:event_handlers].map(&:class).inspect, Chef::Resource.ancestors.count(FlockOfChefs::Recipe::Notifies)
    RUBY
    result = chef.ruby("-W0", "-I", ChefProcess::LIB, "-e", script)
    expect(result.output.lines.last(2).map(&:chomp)).to eq ["[FlockOfChefs::Run::Events]", "1"]
  end
end
