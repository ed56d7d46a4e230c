# The engine: four worker roles and the API, each with a task role of its own.

data "aws_partition" "here" {}
data "aws_region" "here" {}

data "aws_caller_identity" "here" {}

locals {
  workers = ["lanes", "batches", "backfill", "writebacks"]
  roles   = concat(local.workers, ["api", "migrate"])

  environment = merge({
    AWS_REGION                       = data.aws_region.here.name
    TIDEGATE_SALESFORCE__ORG_ID      = var.salesforce.org_id
    TIDEGATE_SALESFORCE__LOGIN_URL   = var.salesforce.login_url
    TIDEGATE_SALESFORCE__GRANT       = "jwt_bearer"
    TIDEGATE_SALESFORCE__USERNAME    = var.salesforce.username
    TIDEGATE_S3__BUCKET              = var.buckets["work"].name
    TIDEGATE_S3__KMS_KEY_ID          = var.keys["pii"]
    TIDEGATE_S3__RAW__BUCKET         = var.buckets["raw"].name
    TIDEGATE_S3__RAW__KMS_KEY_ID     = var.keys["raw"]
    TIDEGATE_S3__STAGED__BUCKET      = var.buckets["staged"].name
    TIDEGATE_S3__STAGED__KMS_KEY_ID  = var.keys["raw"]
    TIDEGATE_S3__KEYS__BUCKET        = var.buckets["keys"].name
    TIDEGATE_S3__KEYS__KMS_KEY_ID    = var.keys["pii"]
    TIDEGATE_S3__INTAKE__BUCKET      = var.buckets["intake"].name
    TIDEGATE_S3__INTAKE__KMS_KEY_ID  = var.keys["raw"]
    TIDEGATE_S3__ARCHIVE__BUCKET     = var.buckets["archive"].name
    TIDEGATE_S3__ARCHIVE__KMS_KEY_ID = var.keys["audit"]
    TIDEGATE_AUDIT__BUCKET           = var.buckets["archive"].name
    TIDEGATE_AUDIT__SIGNING_KEY_ID   = var.anchor_key_arn
    TIDEGATE_WAREHOUSE__KIND         = "redshift"
    TIDEGATE_WAREHOUSE__HOST         = var.redshift.host
    TIDEGATE_WAREHOUSE__PORT         = tostring(var.redshift.port)
    TIDEGATE_WAREHOUSE__DATABASE     = var.redshift.database
    TIDEGATE_WAREHOUSE__AUTH         = "iam"
    TIDEGATE_WAREHOUSE__COPY_ROLE    = var.copy_role_arn
    TIDEGATE_OPERATIONAL__HOST       = var.aurora.host
    TIDEGATE_OPERATIONAL__PORT       = tostring(var.aurora.port)
    TIDEGATE_OPERATIONAL__DATABASE   = var.aurora.database
    TIDEGATE_OPERATIONAL__USER       = "tidegate"
    TIDEGATE_OPERATIONAL__AUTH       = "iam"
    TIDEGATE_OPERATIONAL__CA_FILE    = "/opt/tidegate/rds-ca.pem"
    TIDEGATE_TEMPORAL__ADDRESS       = var.temporal.address
    TIDEGATE_TEMPORAL__NAMESPACE     = var.temporal.namespace
    TIDEGATE_TEMPORAL__CODEC         = "true"
    TIDEGATE_METRICS__HOST           = "0.0.0.0"
    TIDEGATE_METRICS__PORT           = "9464"
    TIDEGATE_HEALTH__HOST            = "0.0.0.0"
    TIDEGATE_HEALTH__PORT            = "8401"
    TIDEGATE_DRIFT__ADD              = "false"
  }, var.settings)

  # Tables belong to their owner, who alone may change them.
  own_environment = { migrate = { TIDEGATE_OPERATIONAL__USER = "tidegate_owner" } }

  # Read by ECS when a task starts. Rotated secrets are named by reference instead: see docs/deploy.md.
  secrets = merge({
    TIDEGATE_SALESFORCE__CLIENT_ID   = "${var.salesforce.secret_arn}:client_id::"
    TIDEGATE_SALESFORCE__PRIVATE_KEY = "${var.salesforce.secret_arn}:private_key::"
    }, var.temporal.api_key_secret_arn == null ? {} : {
    TIDEGATE_TEMPORAL__API_KEY = var.temporal.api_key_secret_arn
  })
}

resource "aws_ecs_cluster" "this" {
  name = "tidegate-${var.name}"

  setting {
    name  = "containerInsights"
    value = "enabled"
  }

  configuration {
    execute_command_configuration {
      kms_key_id = var.keys["logs"]
      logging    = "OVERRIDE"

      log_configuration {
        cloud_watch_encryption_enabled = true
        cloud_watch_log_group_name     = aws_cloudwatch_log_group.role["migrate"].name
      }
    }
  }
}

resource "aws_cloudwatch_log_group" "role" {
  for_each          = toset(local.roles)
  name              = "/tidegate/${var.name}/${each.key}"
  retention_in_days = 400
  kms_key_id        = var.keys["logs"]
}

locals {
  commands = merge(
    { for role in local.workers : role => ["worker", "--role", role] },
    { api = ["api", "--host", "0.0.0.0", "--port", "8400"], migrate = ["migrate", "--grant", "tidegate"] },
  )
  ports = merge({ for role in local.workers : role => [8401, 9464] }, { api = [8400, 9464], migrate = [] })

  # Task definitions and services: those of the present release by their role, workers of the release that is left beside them.
  tasks = merge(
    { for role in local.roles : role => { role = role, image = var.image, build_id = var.build_id } },
    var.previous == null ? {} : {
      for role in local.workers : "${role}-previous" => { role = role, image = var.previous.image, build_id = var.previous.build_id }
    },
  )
  environments = {
    for name, task in local.tasks : name => merge(
      local.environment,
      lookup(local.own_environment, task.role, {}),
      task.build_id == null ? {} : { TIDEGATE_DEPLOYMENT__ON = "true", TIDEGATE_DEPLOYMENT__BUILD_ID = task.build_id },
    )
  }
}

resource "aws_ecs_task_definition" "role" {
  for_each                 = local.tasks
  family                   = "tidegate-${var.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.sizes[each.value.role].cpu
  memory                   = var.sizes[each.value.role].memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task[each.value.role].arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }

  volume {
    name = "tmp"
  }

  container_definitions = jsonencode([{
    name                   = "tidegate"
    image                  = each.value.image
    command                = local.commands[each.value.role]
    essential              = true
    user                   = "10001:10001"
    readonlyRootFilesystem = true
    stopTimeout            = 30
    environment            = [for key in sort(keys(local.environments[each.key])) : { name = key, value = local.environments[each.key][key] }]
    secrets                = [for key in sort(keys(local.secrets)) : { name = key, valueFrom = local.secrets[key] }]
    portMappings           = [for port in local.ports[each.value.role] : { containerPort = port, protocol = "tcp" }]
    # Reconciliation and backfills spill to /tmp.
    mountPoints     = [{ sourceVolume = "tmp", containerPath = "/tmp", readOnly = false }]
    linuxParameters = { capabilities = { drop = ["ALL"] }, initProcessEnabled = true }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.role[each.value.role].name
        awslogs-region        = data.aws_region.here.name
        awslogs-stream-prefix = each.key
      }
    }
  }])
}

resource "aws_ecs_service" "role" {
  for_each               = { for name, task in local.tasks : name => task if task.role != "migrate" }
  name                   = each.key
  cluster                = aws_ecs_cluster.this.arn
  task_definition        = aws_ecs_task_definition.role[each.key].arn
  desired_count          = var.sizes[each.value.role].count
  launch_type            = "FARGATE"
  enable_execute_command = false
  propagate_tags         = "SERVICE"

  # New workers start before old ones drain: a lane is never without a follower for longer than its heartbeat.
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200

  network_configuration {
    subnets          = var.private_subnet_ids
    security_groups  = [var.tasks_security_group_id]
    assign_public_ip = false
  }

  service_registries {
    registry_arn = aws_service_discovery_service.role[each.value.role].arn
  }

  dynamic "load_balancer" {
    for_each = each.key == "api" ? [1] : []
    content {
      target_group_arn = aws_lb_target_group.api.arn
      container_name   = "tidegate"
      container_port   = 8400
    }
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  lifecycle {
    ignore_changes = [desired_count]
  }

  depends_on = [aws_lb_listener.https]
}

# Names by which the collector finds every task of a role.
resource "aws_service_discovery_private_dns_namespace" "this" {
  name        = "tidegate-${var.name}.internal"
  description = "Tasks of the engine by role"
  vpc         = var.vpc_id
}

resource "aws_service_discovery_service" "role" {
  for_each = toset(concat(local.workers, ["api"]))
  name     = each.key

  dns_config {
    namespace_id   = aws_service_discovery_private_dns_namespace.this.id
    routing_policy = "MULTIVALUE"
    dns_records {
      type = "A"
      ttl  = 10
    }
  }

  health_check_custom_config {
    failure_threshold = 1
  }
}
