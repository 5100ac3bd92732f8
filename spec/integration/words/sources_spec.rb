# frozen_string_literal: true

require "digest"
require "support/recipe_run"

# The same resource in both modes of Chef.
[%w[WordsUnified words_unified], %w[WordsTwoPhase words_two_phase]].each do |class_name, type|
  Object.const_set(class_name, Class.new(Chef::Resource) do
    provides type.to_sym
    unified_mode type == "words_unified"
    property :names, Array

    action :make do
      new_resource.names.each do |name|
        file name do
          content "x"
          remote_notifies :restart, "service[now]", node: "b"
          remote_notifies :restart, "service[later]", :delayed, node: "b"
        end
      end
    end

    action :fail do
      action_make
      raise "on purpose"
    end
  end)
end

# A cookbook that has a property of our word's name.
class WordsProperty < Chef::Resource
  provides :words_property
  unified_mode true
  property :remote_notifies, String

  action(:run) { file(new_resource.remote_notifies) { content "own" } }
end

# Its class has another name than the recipe uses, as package and apt_package.
class WordsResolved < Chef::Resource
  provides :words_declared
  self.resource_name = :words_resolved
  unified_mode true

  action(:run) { converge_by("change") {} }
end

RSpec.describe "remote_notifies: who" do
  include RecipeRunHelpers

  %i[words_unified words_two_phase].each do |type|
    describe "from inside a custom resource (#{type})" do
      it "sends at once and, for all together, at the end of the whole run" do
        made = [path("a"), path("b")]
        last = path("last")
        run = converge do
          declare_resource(type, "outer") { names made }
          file last do
            content "x"
            remote_notifies :restart, "service[between]", node: "b"
          end
        end
        expect(run.error).to be_nil
        expect(run.sent.map { |key, _, timing| [key, timing] }).to eq [
          %w{service[now] immediately}, %w{service[now] immediately}, %w{service[between] immediately},
          %w{service[later] delayed}
        ]
        expect((0..3).map do |index|
          run.sources(index)
        end).to eq [["file[#{made[0]}]"], ["file[#{made[1]}]"], ["file[#{last}]"],
                    made.map { |name| "file[#{name}]" }]
      end

      it "sends for the custom resource itself" do
        made = [path("a")]
        run = converge do
          declare_resource(type, "outer") do
            names made
            remote_notifies :run, "execute[outer]", node: "b"
          end
        end
        expect(run.sent[1]).to eq ["execute[outer]", "run", "immediately"]
        expect(run.drafts[1]["sources"].first).to include("key" => "#{type}[outer]", "action" => "make")
      end

      it "sends, as Chef does, if it failed half-way with ignore_failure, and not without" do
        made = [path("a")]
        run = converge do
          declare_resource(type, "outer") do
            names made
            action :fail
            ignore_failure true
            remote_notifies :run, "execute[outer]", :delayed, node: "b"
          end
        end
        expect(run.error).to be_nil
        expect(run.sent.map(&:first)).to include "execute[outer]"
        failing = [path("c")]
        run = converge do
          declare_resource(type, "outer") do
            names failing
            action :fail
            remote_notifies :run, "execute[outer]", :delayed, node: "b"
          end
        end
        expect(run.error.message).to include "on purpose"
        expect(run.sent.map(&:first)).not_to include "execute[outer]"
      end
    end
  end

  it "leaves a cookbook's own property of that name alone" do
    target = path
    run = converge { declare_resource(:words_property, "outer") { remote_notifies target } }
    expect(run.error).to be_nil
    expect(File.read(target)).to eq "own"
    expect(run.drafts).to be_empty
  end

  it "names the declared type, not the resolved one (trap 10)" do
    run = converge do
      declare_resource(:words_declared, "it") { remote_notifies :run, "execute[x]", :delayed, node: "b" }
    end
    expect(run.error).to be_nil
    expect(run.output).to include "words_resolved[it]"
    expect(run.sources).to eq ["words_declared[it]"]
  end

  it "hashes the name of a sensitive resource and shows its value nowhere" do
    target = path("secret-name")
    run = converge do
      file target do
        content "secret-value"
        sensitive true
        remote_notifies :run, "execute[x]", :delayed, node: "b"
        remote_notifies :run, "execute[x]", node: "b"
      end
    end
    hashed = %(file["sha256:#{Digest::SHA256.hexdigest(target)[0, 16]}"])
    expect([run.sources(0), run.sources(1)]).to all(eq([hashed]))
    expect(run.drafts.to_json).not_to include("secret")
  end

  it "cleans names that are no UTF-8 and cuts very long ones" do
    run = converge do
      ruby_block "a\xFFb" do
        block {}
        remote_notifies :run, "execute[x]", node: "b"
      end
      ruby_block "é" * 1000 do
        block {}
        remote_notifies :run, "execute[x]", node: "b"
      end
    end
    expect(run.sources(0)).to eq ["ruby_block[a?b]"]
    expect(run.sources(1).first.bytesize).to be_between(380, 384)
    expect { JSON.generate(run.drafts) }.not_to raise_error
  end

  it "lists only those for which Chef notifies: not what ran at compile time, not what failed" do
    target = path
    made = [path("a")]
    run = converge do
      ruby_block "at compile time" do
        block {}
        compile_time true
        remote_notifies :run, "execute[x]", :delayed, node: "b"
      end
      file target do
        content "x"
        remote_notifies :run, "execute[x]", :delayed, node: "b"
      end
      declare_resource(:words_unified, "failing") do
        names made
        action :fail
        remote_notifies :run, "execute[x]", :delayed, node: "b"
      end
    end
    expect(run.error.message).to include "on purpose"
    expect(run.sources(run.sent.index(%w{execute[x] run delayed}))).to eq ["file[#{target}]"]
  end

  it "lists at most 64 sources" do
    run = converge do
      70.times do |number|
        ruby_block "block #{number}" do
          block {}
          remote_notifies :run, "execute[x]", :delayed, node: "b"
        end
      end
    end
    expect(run.sources.size).to eq 64
  end

  it "sends once for a resource that succeeds at its second try" do
    tries = 0
    run = converge do
      ruby_block "flaky" do
        block { (tries += 1) < 2 && raise("on purpose") }
        retries 2
        retry_delay 0
        remote_notifies :run, "execute[x]", node: "b"
        remote_notifies :run, "execute[x]", :delayed, node: "b"
      end
    end
    expect(tries).to eq 2
    expect(run.sent.map(&:last)).to eq %w[immediately delayed]
    expect(run.sources(1)).to eq ["ruby_block[flaky]"]
  end

  it "puts no instance variables on resources (trap 11)" do
    target = path
    other = path("plain")
    run = converge do
      plain = file(other) { content "x" }
      noisy = file(target) do
        content "x"
        remote_notifies :run, "execute[x]", :delayed, node: "secret-node"
      end
      node.run_state[:both] = [plain, noisy]
    end
    expect(run.error).to be_nil
    plain, noisy = run.run_context.node.run_state[:both]
    expect(noisy.instance_variables).to match_array plain.instance_variables
    proxy = run.run_context.delayed_actions.map(&:resource).first
    [noisy.to_json, noisy.to_h.to_s, noisy.to_text, noisy.inspect].each do |text|
      expect(text).not_to include "secret-node"
    end
    expect(proxy.instance_variables - plain.instance_variables - %i[@declared_type @ignore_failure
                                                                    @updated_by_last_action]).to be_empty
  end
end
