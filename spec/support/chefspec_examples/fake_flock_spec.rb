# frozen_string_literal: true

require_relative "examples_helper"

RSpec.describe "the fake flock" do
  platform "debian"

  context "with a recipe that asks other nodes" do
    recipe do
      count = FlockOfChefs["bender"][:human_api].count("earth")
      file("/tmp/left") { content count.to_s } unless FlockOfChefs[:bender].killed_all_humans?
    end

    it "answers as the example says" do
      stub_flock_call("bender", :human_api, :count).with("earth").and_return(3)
      stub_flock_call("bender", :killed_all_humans?).and_return(false)
      expect(chef_run).to create_file("/tmp/left").with(content: "3")
      expect(flock_calls.map(&:to_s)).to eq(%w[bender.human_api.count bender.killed_all_humans?])
    end

    it "raises as the example says" do
      stub_flock_call("bender", :human_api, :count).and_raise(FlockOfChefs::TimeoutError)
      expect { chef_run }.to raise_error(FlockOfChefs::TimeoutError)
    end

    it "refuses what the example does not foresee, and says how to" do
      stub_flock_call("bender", :human_api, :count).with("mars")
      expect { chef_run }.to raise_error(
        FlockOfChefs::ChefSpec::FakeCalls::NotStubbed,
        'bender.human_api.count("earth") was called; foresee it with ' \
        'stub_flock_call("bender", :human_api, :count).with("earth").and_return(…)'
      )
    end
  end

  context "with futures, blocks and nodes" do
    recipe do
      names = FlockOfChefs.nodes(roles: "cache").map(&:name)
      flushed = FlockOfChefs::Remote::Future.all(names.map { |name| FlockOfChefs[name][:cache].future.flush })
      seen = []
      FlockOfChefs["a"][:cache].each_key { |key| seen << key }
      log "#{names} #{flushed} #{seen} #{FlockOfChefs["b"].presence} #{FlockOfChefs["c"].presence} " \
          "#{FlockOfChefs.me.name == node.name}"
    end

    it "has the nodes that the example names" do
      stub_flock_nodes("a", roles: "cache")
      stub_flock_nodes("b", presence: "gone")
      stub_flock_call("a", :cache, :flush).and_return(1)
      stub_flock_call("a", :cache, :each_key).and_yield("x", "y")
      expect(chef_run).to write_log('["a"] [1] ["x", "y"] gone unknown true')
    end

    it "says how to foresee nodes" do
      expect { chef_run }.to raise_error(/foresee it with stub_flock_nodes\('NODE', …, roles: \["cache"\]\)/)
    end
  end

  context "with arguments that cannot travel" do
    recipe { FlockOfChefs["a"][:cache].put(Object.new) }

    it "refuses them as the real one does" do
      stub_flock_call("a", :cache, :put)
      expect { chef_run }.to raise_error(FlockOfChefs::Error, /argument 1 of a.cache.put/)
    end
  end

  context "with everything that waits or dials in a Chef run" do
    step_into :ruby_block
    recipe do
      ruby_block "waits" do
        block { FlockOfChefs.changed(:converged) }
        wait_until { raise "is not asked" }
        wait_while(timeout: 1) { raise "is not asked" }
        remote_notifies :run, "execute[x]", query: "role:db", wait: 60
        remote_subscribes :create, "execute[y]", node: "a"
      end
      FlockOfChefs.changed(:human_api)
      names = FlockOfChefs.search("role:db").map(&:name)
      run = FlockOfChefs[names.first][:flock_api].run_chef.wait(600)
      seen = []
      watching = FlockOfChefs["a"].monitor { |event| seen << event }
      watching.stop
      log "#{names} #{run.state} #{seen}"
    end

    before do
      [FlockOfChefs::LocalClient, FlockOfChefs::Run::AgentHandoff].each do |client|
        allow(client).to receive(:new).and_raise("#{client} dials")
      end
      [TCPSocket, UNIXSocket].each { |socket| allow(socket).to receive(:new).and_raise("#{socket} dials") }
    end

    it "waits for nothing and asks nobody" do
      stub_flock_nodes("db1", query: "role:db")
      stub_flock_call("db1", :flock_api, :run_chef).and_return("id" => "1", "state" => "succeeded")
      expect(chef_run).to write_log('["db1"] succeeded []')
      expect(chef_run).to run_ruby_block("waits")
    end

    it "says what to foresee" do
      expect { chef_run }
        .to raise_error(/FlockOfChefs.search\("role:db"\) .* stub_flock_nodes\('NODE', …, query: "role:db"\)/)
    end

    it "does not wait for a run that no example ends" do
      stub_flock_nodes("db1", query: "role:db")
      %i[run_chef run].each do |method|
        stub_flock_call("db1", :flock_api, method).and_return("id" => "1", "state" => "queued")
      end
      expect { chef_run }.to raise_error(/have stub_flock_call answer how it ends/)
    end
  end

  it "is there outside of examples, too" do
    expect(outside).to include("was called; foresee it")
  end

  outside = begin
    FlockOfChefs["bender"][:human_api].count
  rescue StandardError => e
    e.message
  end
  define_method(:outside) { outside }

  it "forgets between examples" do
    expect(flock_calls).to be_empty
    expect { FlockOfChefs["bender"][:human_api].count("earth") }.to raise_error(/was called/)
  end
end
