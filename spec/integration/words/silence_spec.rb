# frozen_string_literal: true

require "support/chef_log"
require "support/recipe_run"

RSpec.describe "remote_notifies: silence" do
  include ChefLog
  include RecipeRunHelpers

  def expect_silence(run)
    expect(run.drafts).to be_empty
  end

  it "says nothing for a resource that is up to date" do
    target = path
    File.write(target, "x")
    expect_silence(converge do
      file target do
        content "x"
        remote_notifies :run, "execute[x]", node: "b"
        remote_notifies :run, "execute[x]", :delayed, node: "b"
      end
    end)
  end

  it "says nothing behind a guard or for action :nothing" do
    targets = [path("a"), path("b")]
    expect_silence(converge do
      file targets[0] do
        content "x"
        only_if { false }
        remote_notifies :run, "execute[x]", node: "b"
      end
      file targets[1] do
        action :nothing
        remote_notifies :run, "execute[x]", :delayed, node: "b"
      end
    end)
  end

  it "says nothing for a failed resource, ignored or not" do
    expect_silence(converge do
      ruby_block "ignored" do
        block { raise "on purpose" }
        ignore_failure true
        remote_notifies :run, "execute[x]", node: "b"
        remote_notifies :run, "execute[x]", :delayed, node: "b"
      end
      ruby_block "fails" do
        block { raise "on purpose" }
        remote_notifies :run, "execute[x]", :delayed, node: "b"
      end
    end)
  end

  it "says nothing for what runs at compile time, as Chef's own notifications do" do
    target = path
    run = converge do
      file target do
        content "x"
        compile_time true
        remote_notifies :run, "execute[x]", node: "b"
        remote_notifies :run, "execute[x]", :delayed, node: "b"
      end
    end
    expect(File).to exist(target)
    expect_silence(run)
  end

  it "says nothing in a why-run, and tells what it would do (trap 4: resource_updated fires there)" do
    target = path
    log = chef_log do
      @run = converge(why_run: true) do
        file target do
          content "x"
          remote_notifies :run, "execute[x]", :before, node: "b"
          remote_notifies :run, "execute[x]", node: "b"
          remote_notifies :run, "execute[x]", :delayed, node: "b"
        end
      end
    end
    expect_silence(@run)
    expect(@run.error).to be_nil
    expect(@run.output.scan("Would hand over to the flock").size).to eq 3
    expect(log.scan("remote notifications are not sent: this is a why-run").size).to eq 1
  end

  it "says nothing for a nested resource that only the dry pass updated" do
    target = path
    run = converge do
      declare_resource(:dry_only, "outer") do
        file_name target
        notifies :create, "file[#{target}]", :before
      end
      file target do
        content "x"
        action :nothing
      end
    end
    expect(run.error).to be_nil
    expect(run.output).to include "flock_notification[run execute[x] on b] action send"
    expect_silence(run)
  end

  it "works once, but says nothing, for a resource outside any run" do
    resource = Chef::Resource::File.new(path)
    expect(resource.remote_notifies(:run, "execute[x]", node: "b")).to be true
    expect { resource.remote_notifies(:run, "execute", node: "b") }.to raise_error(FlockOfChefs::ConfigurationError)
  end

  {
    "an old Chef" => -> { stub_const("Chef::VERSION", "15.17.4") },
    "Target Mode" => -> { allow(Chef::Config).to receive(:target_mode?).and_return(true) }
  }.each do |surroundings, set_up|
    it "declares nothing under #{surroundings}, says so once and still checks the words (trap 12)" do
      instance_exec(&set_up)
      log = chef_log do
        @run = converge do
          ruby_block "changes" do
            block {}
            2.times { remote_notifies :run, "execute[x]", node: "b" }
          end
        end
      end
      expect(@run.error).to be_nil
      expect(@run.output).not_to include "flock_notification"
      expect(log.scan("WARN: flock_of_chefs: remote notifications are not sent: ").size).to eq 1
      expect_silence(@run)
      expect(converge { ruby_block("wrong") { remote_notifies :run, "execute", node: "b" } }.error)
        .to be_a(FlockOfChefs::ConfigurationError)
    end
  end
end

# Writes its file unless it is there; the file's own change is announced.
class DryOnly < Chef::Resource
  provides :dry_only
  unified_mode true
  property :file_name, String

  action :run do
    file new_resource.file_name do
      content "x"
      remote_notifies :run, "execute[x]", :delayed, node: "b"
    end
  end
  default_action :run
end
