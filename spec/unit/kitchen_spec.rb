# frozen_string_literal: true

require "yaml"

# Test Kitchen runs where virtual machines or containers are; what can be wrong without them is looked at here.
RSpec.describe "the cookbook's kitchen" do
  root = File.expand_path("../../cookbook", __dir__)
  # As Ohai names them, where Test Kitchen has another name.
  names = { "amazonlinux" => "amazon", "centos-stream" => "centos", "opensuse-leap" => "opensuseleap",
            "oraclelinux" => "oracle", "rockylinux" => "rocky" }
  # Nobody gives away their images.
  licensed = %w[redhat suse]

  define_method(:kitchen) { |file| YAML.safe_load_file("#{root}/#{file}") }
  define_method(:read) { |file| File.read("#{root}/#{file}") }
  define_method(:tested) do |file|
    systems = kitchen(file)["platforms"].map { |platform| platform["name"][/\A(.*)-[^-]+\z/, 1] }
    systems.map { |system| names.fetch(system, system) }
  end

  let(:supported) { read("metadata.rb")[/^%w\((.*)\).each \{ \|platform\| supports platform \}/, 1].split }

  %w[kitchen.yml kitchen.dokken.yml].each do |file|
    it "tests in #{file} each platform that the cookbook supports, and no other" do
      expect(tested(file)).to match_array(supported - licensed)
    end
  end

  it "accepts the licence of Chef, without which nothing is converged" do
    expect(kitchen("kitchen.yml").dig("provisioner", "chef_license")).to eq("accept-no-persist")
    expect(kitchen("kitchen.dokken.yml").dig("driver", "chef_license")).to eq("accept-no-persist")
  end

  it "has an image and an init for each container, and the same platforms as virtual machines" do
    containers, machines = %w[kitchen.dokken.yml kitchen.yml].map { |file| kitchen(file)["platforms"] }
    expect(containers.map { |one| one["name"] }).to eq(machines.map { |one| one["name"] })
    containers.each do |one|
      expect(one["driver"]).to include("image" => "dokken/#{one["name"]}", "pid_one_command" => end_with("/systemd"))
    end
  end

  it "installs the gem that was built, not what a registry has" do
    suite = kitchen("kitchen.yml")["suites"].first
    expect(suite.dig("attributes", "flock_of_chefs", "gem", "source")).to end_with(".gem")
    expect(read("test/cookbooks/test/recipes/default.rb"))
      .to match(/^cookbook_file node\['flock_of_chefs'\]\['gem'\]\['source'\] do\n.*\n  compile_time true/)
    suite.dig("verifier", "inspec_tests").each { |folder| expect(Dir["#{root}/#{folder}/*.rb"]).not_to be_empty }
  end

  it "converges a recipe that uses each resource" do
    recipe = read("test/cookbooks/test/recipes/default.rb")
    resources = Dir["#{root}/resources/*.rb"].map { |file| "flock_#{File.basename(file, ".rb")}" }
    expect(resources.grep_v(/#{recipe.scan(/flock_\w+/).uniq.map { |word| "\\A#{word}\\z" }.join("|")}/)).to eq([])
    expect(read("Policyfile.rb")).to include("run_list 'test::default'", "cookbook 'test', path: 'test/cookbooks/test'")
  end
end
